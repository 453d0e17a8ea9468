package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The maker of the image that a simulation begins with. */
final class FirstImage {

    private static final long COPIED_AND_ZERO = (1L << 63) | 1;

    private FirstImage() {}

    static void create(SimulatedDisk disk, Workload workload) throws IOException {
        ImageFormatter.format(disk, workload.options());
        switch (workload.image()) {
            case CREATED, CREATED_IN_A_CRASH -> {}
            case WITHOUT_TABLES -> removeTable(disk);
            case WITH_ZERO_CLUSTER -> {
                if (workload.options().geometry().conventionalZones() > 0) {
                    addZeroCluster(disk);
                }
            }
            case WITH_WIDE_REFCOUNTS -> widenRefcounts(disk);
        }
        disk.cutPower((change, sector) -> true);
    }

    /** Returns whether the file begins like every finished image with these options. */
    static boolean hasWholeHeader(SimulatedDisk disk, FormatOptions options) throws IOException {
        SimulatedDisk finished = new SimulatedDisk();
        ImageFormatter.format(finished, options);
        int length = options.clusterSizeBytes();
        return Arrays.equals(finished.peek(0, length), disk.peek(0, length));
    }

    /** Removes the first L2 table from an image, as if nothing had ever been written there. */
    private static void removeTable(SimulatedDisk disk) {
        ByteBuffer header = header(disk);
        long l1 = header.getLong(40);
        long table = longAt(disk, l1) & ~(1L << 63);
        put(disk, l1, 0);
        putRefcount(disk, table >>> header.getInt(20), 0);
    }

    /** Gives the device's first cluster space with old data, and marks it as zeros. */
    private static void addZeroCluster(SimulatedDisk disk) {
        ByteBuffer header = header(disk);
        int clusterBits = header.getInt(20);
        long host = (disk.sizeBytes() + (1L << clusterBits) - 1) >>> clusterBits;
        disk.writeData(host << clusterBits, TestData.stamped(-1, 1 << clusterBits), 0, 1 << clusterBits);
        long table = longAt(disk, header.getLong(40)) & ~(1L << 63);
        put(disk, table, (host << clusterBits) | COPIED_AND_ZERO);
        putRefcount(disk, host, 1);
    }

    /** Widens refcounts from 16 to 64 bits. */
    private static void widenRefcounts(SimulatedDisk disk) {
        ByteBuffer header = header(disk);
        long block = longAt(disk, header.getLong(48));
        int clusters = (int) (disk.sizeBytes() >>> header.getInt(20));
        byte[] narrow = disk.peek(block, 2 * clusters);
        for (int i = 0; i < clusters; i++) {
            put(disk, block + (long) i * Long.BYTES, narrow[2 * i + 1]);
        }
        disk.writeData(96, new byte[] {0, 0, 0, 6}, 0, 4);
    }

    private static ByteBuffer header(SimulatedDisk disk) {
        return ByteBuffer.wrap(disk.peek(0, 112));
    }

    private static long longAt(SimulatedDisk disk, long offset) {
        return TestData.wordAt(disk.peek(offset, Long.BYTES), 0);
    }

    private static void put(SimulatedDisk disk, long offset, long value) {
        disk.writeData(offset, ByteBuffer.allocate(Long.BYTES).putLong(value).array(), 0, Long.BYTES);
    }

    private static void putRefcount(SimulatedDisk disk, long cluster, int refcount) {
        long block = longAt(disk, header(disk).getLong(48));
        disk.writeData(block + 2 * cluster, new byte[] {0, (byte) refcount}, 0, 2);
    }
}
