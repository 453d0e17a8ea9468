package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.sim.SimulatedDisk;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * An image built byte by byte from the qcow2 specification and the published structs, without the engine's own classes.
 * It has 8 zones, the first two conventional. Like an image of another program it has an L2 table only where it has
 * data, which is the first cluster of zone 5.
 */
enum GoldenImage {
    V4_SMALL(
            20,
            0,
            false,
            "01000000 00100000 000c0000 00000002 00000008 00000006 00000004 00000080"
                    + "0000000000030000 0000000000000040"),
    V4_LARGE(
            30,
            0,
            false,
            "01000000 40000000 30000000 00000002 00000008 00000006 00000004 00000080"
                    + "0000000000030000 0000000000000040"),
    V6_SMALL(
            20,
            0x20,
            false,
            "01000000 00100000 000c0000 00000002 00000008 00000006 00000004 00010000"
                    + "0000000000000040 0000000000030000"),
    V6_LARGE(
            30,
            0x20,
            false,
            "01000000 40000000 30000000 00000002 00000008 00000006 00000004 00010000"
                    + "0000000000000040 0000000000030000"),
    V8_SMALL(
            20,
            0x20,
            false,
            "01000000 0000000000100000 00000000000c0000 00000002 00000008 00000006 00000004 00010000"
                    + "0000000000000040 0000000000030000"),
    V8_LARGE(
            32,
            0x20,
            false,
            "01000000 0000000100000000 00000000c0000000 00000002 00000008 00000006 00000004 00010000"
                    + "0000000000000040 0000000000030000"),
    BE48_SMALL(
            20,
            0x20,
            true,
            "01000000 00000008 0000000000100000 00000000000c0000 00000002 00000006 00000004 00010000"
                    + "0000000000030000"),
    BE48_LARGE(
            32,
            0x20,
            true,
            "01000000 00000008 0000000100000000 00000000c0000000 00000002 00000006 00000004 00010000"
                    + "0000000000030000"),
    BE44_SMALL(
            20,
            0x20,
            true,
            "01000000 00000008 0000000000100000 00000000000c0000 0000000000030000" + "00000002 00000006 00000004"),
    BE44_LARGE(
            32,
            0x20,
            true,
            "01000000 00000008 0000000100000000 00000000c0000000 0000000000030000" + "00000002 00000006 00000004");

    static final int ZONES = 8;
    static final int CONVENTIONAL = 2;
    static final int MAX_ACTIVE = 6;
    static final int MAX_OPEN = 4;
    static final int CLUSTER = 64 << 10;
    static final int POINTERS = 3 * CLUSTER;
    static final int MAGIC = 0x007a6264;

    private static final int AUTOCLEAR = 88;
    private static final long FREE_CLUSTERS_ARE_HOLES = 1L << 62;
    private static final int L2_SHIFT = 29; // 2^16 bytes per cluster, 2^13 entries per table
    private static final long COPIED = 1L << 63;

    final int zoneShift;
    final boolean rework;
    private final long incompatible;
    private final String extension;

    GoldenImage(int zoneShift, long incompatible, boolean rework, String extension) {
        this.zoneShift = zoneShift;
        this.incompatible = incompatible;
        this.rework = rework;
        this.extension = extension;
    }

    long start(int zone) {
        return (long) zone << zoneShift;
    }

    long capacity() {
        return 3L << (zoneShift - 2);
    }

    /** Returns the write pointer of a finished zone, as the layout's readers write it. */
    long finished(int zone) {
        return rework ? start(zone) + capacity() : start(zone + 1);
    }

    /** Returns the extension's type, length and data, padded. */
    byte[] extensionInFile() {
        return extensionInFile(POINTERS);
    }

    private byte[] extensionInFile(long pointersOffset) {
        String moved = extension.replace("%016x".formatted(POINTERS), "%016x".formatted(pointersOffset));
        byte[] data = HexFormat.of().parseHex(moved.replace(" ", ""));
        ByteBuffer buffer = ByteBuffer.allocate(8 + (data.length + 7) / 8 * 8);
        return buffer.putInt(MAGIC).putInt(data.length).put(data).array();
    }

    /** Returns the write pointer table, with the flag of conventional zones added. */
    byte[] table(long... pointers) {
        ByteBuffer buffer = ByteBuffer.allocate(pointers.length * Long.BYTES)
                .order(rework ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        for (int zone = 0; zone < pointers.length; zone++) {
            buffer.putLong(zone < CONVENTIONAL ? pointers[zone] | 1L << (rework ? 63 : 59) : pointers[zone]);
        }
        return buffer.array();
    }

    /** Returns the write pointers of a device without data. */
    long[] starts() {
        long[] pointers = new long[ZONES];
        for (int zone = 0; zone < ZONES; zone++) {
            pointers[zone] = start(zone);
        }
        return pointers;
    }

    /** Returns the header cluster after conversion to this layout, with the private autoclear bit. */
    byte[] headerAfterConversion(long pointersOffset) {
        ByteBuffer header = ByteBuffer.wrap(header(pointersOffset));
        header.putLong(AUTOCLEAR, FREE_CLUSTERS_ARE_HOLES);
        return header.array();
    }

    /** Returns that header cluster after the image has been attached and closed, with this record of the attach. */
    byte[] headerAfterUse(byte... attachRecord) {
        ByteBuffer header = ByteBuffer.wrap(headerAfterConversion(POINTERS));
        header.put(recordAt() - 8, new byte[] {'u', 'Z', 'i', 'd', 0, 0, 0, 24});
        header.put(recordAt(), attachRecord);
        return header.array();
    }

    /** Returns the offset of the record of an attach, behind all other extensions. */
    int recordAt() {
        return 112 + 16 + extensionInFile().length + 16 + 8;
    }

    /** Returns the header cluster, with a compatible bit and two unknown extensions around the zoned one. */
    byte[] header() {
        return header(POINTERS);
    }

    private byte[] header(long pointersOffset) {
        ByteBuffer header = ByteBuffer.allocate(CLUSTER);
        header.putInt(0x514649fb).putInt(3); // magic, version
        header.putLong(0).putInt(0).putInt(16); // no backing file, cluster bits
        header.putLong(start(ZONES)).putInt(0); // size, no encryption
        header.putInt(l1Entries()).putLong(2 * CLUSTER); // L1
        header.putLong(CLUSTER).putInt(1); // refcount table
        header.putInt(0).putLong(0); // no snapshots
        header.putLong(incompatible).putLong(1L << 45).putLong(0); // incompatible, compatible, autoclear
        header.putInt(4).putInt(112).putLong(0); // refcounts of 16 bits, header length, compression type
        header.putInt(0x12345678).putInt(5).put(new byte[] {1, 2, 3, 4, 5, 0, 0, 0});
        header.put(extensionInFile(pointersOffset));
        header.putInt(0x23456789).putInt(8).putLong(0x1122334455667788L);
        return header.array();
    }

    private int l1Entries() {
        return (int) ((start(ZONES) + (1L << L2_SHIFT) - 1) >>> L2_SHIFT);
    }

    private int l2Index() {
        return (int) (start(5) >>> L2_SHIFT);
    }

    /** Writes the image: header, refcount table, L1, write pointers, refcount block, L2 table, data. */
    void writeTo(SimulatedDisk image, byte[] data, long... pointers) throws IOException {
        ByteBuffer file = ByteBuffer.allocate(7 * CLUSTER);
        file.put(0, header());
        file.putLong(CLUSTER, 4 * CLUSTER);
        file.putLong(2 * CLUSTER + 8 * l2Index(), 5 * CLUSTER | COPIED);
        file.put(POINTERS, table(pointers));
        for (int cluster = 0; cluster < 7; cluster++) {
            file.putShort(4 * CLUSTER + 2 * cluster, (short) 1);
        }
        int entry = (int) (start(5) >>> 16) & (1 << 13) - 1;
        file.putLong(5 * CLUSTER + 8 * entry, 6 * CLUSTER | COPIED);
        file.put(6 * CLUSTER, data);
        image.write(MemorySegment.ofArray(file.array()), 0);
        image.sync(Barrier.HEADER_BEFORE_CREATED);
    }
}
