package io.ublkzoned.engine.sim;

import java.nio.ByteBuffer;

/** The changes that another program or a defect of a disk makes to an image between two attaches. */
final class ForeignWriter {

    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final int INCOMPATIBLE = 72;
    private static final int AUTOCLEAR = 88;
    private static final int DIRTY = 1;

    private final SimulatedDisk disk;
    private final ByteBuffer header;
    private final int clusterBits;
    private final int refcountOrder;

    ForeignWriter(SimulatedDisk disk) {
        this.disk = disk;
        header = ByteBuffer.wrap(disk.peek(0, 4096));
        clusterBits = header.getInt(20);
        refcountOrder = header.getInt(96);
    }

    /** Sets the refcount of one cluster that holds data to 0. Returns false if no cluster holds data. */
    boolean freeMappedCluster(long dice) {
        long[] l2Tables = longs(header.getLong(40), header.getInt(36));
        int entries = 1 << (clusterBits - 3);
        int found = 0;
        long cluster = 0;
        for (long table : l2Tables) {
            for (long entry : longs(table & OFFSET_MASK, entries)) {
                if ((entry & OFFSET_MASK) != 0 && Long.remainderUnsigned(Trace.mix(dice + found++), found) == 0) {
                    cluster = (entry & OFFSET_MASK) >>> clusterBits;
                }
            }
        }
        if (found == 0) {
            return false;
        }
        int width = (1 << refcountOrder) / Byte.SIZE;
        long block = longs(header.getLong(48), 1)[0];
        disk.writeData(block + cluster * width, new byte[width], 0, width);
        return true;
    }

    /**
     * Writes to all free clusters within the file, and closes the image like a program that does not punch clusters.
     */
    void dirtyFreeClusters() {
        int width = (1 << refcountOrder) / Byte.SIZE;
        long block = longs(header.getLong(48), 1)[0];
        byte[] junk = TestData.stamped(-1, 1 << clusterBits);
        for (long cluster = 0; cluster << clusterBits < disk.sizeBytes(); cluster++) {
            boolean free = true;
            for (byte part : disk.peek(block + cluster * width, width)) {
                free &= part == 0;
            }
            if (free) {
                disk.writeData(cluster << clusterBits, junk, 0, junk.length);
            }
        }
        clearAutoclear();
    }

    /** Marks the image as closed, like a program that does not know the private autoclear bit. */
    void close() {
        long incompatible = header.getLong(INCOMPATIBLE) & ~DIRTY;
        disk.writeData(
                INCOMPATIBLE, ByteBuffer.allocate(8).putLong(incompatible).array(), 0, 8);
        clearAutoclear();
    }

    private void clearAutoclear() {
        disk.writeData(AUTOCLEAR, new byte[8], 0, 8);
    }

    private long[] longs(long offset, int count) {
        if (offset == 0) {
            return new long[0];
        }
        byte[] bytes = disk.peek(offset, count * Long.BYTES);
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            values[i] = TestData.wordAt(bytes, i * Long.BYTES);
        }
        return values;
    }
}
