package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.UUID;

/** Small images for tests, and the places of their parts. */
final class Images {

    static final long MIB = 1L << 20;
    static final long GIB = 1L << 30;

    /** The record that an attach writes into an image. */
    static final AttachRecord ATTACH = new AttachRecord(new UUID(1, 2), 1);

    /** Offsets in the header: see the qcow2 specification. */
    static final int CLUSTER_BITS = 20;

    static final int L1_SIZE = 36;
    static final int L1_OFFSET = 40;
    static final int REFCOUNT_TABLE_OFFSET = 48;
    static final int REFCOUNT_TABLE_CLUSTERS = 56;
    static final int SNAPSHOTS = 60;
    static final int INCOMPATIBLE = 72;
    static final int AUTOCLEAR = 88;
    static final int REFCOUNT_ORDER = 96;

    /** The offset of the zoned extension's data: after the header, the table of 9 names, and two prefixes. */
    static final int ZONED = 112 + 8 + 9 * 48 + 8;

    // Its fields in layout be44.
    static final int ZONE_COUNT = ZONED + 4;
    static final int ZONE_SIZE = ZONED + 8;
    static final int ZONE_CAPACITY = ZONED + 16;
    static final int POINTERS_OFFSET = ZONED + 24;
    static final int CONVENTIONAL_ZONES = ZONED + 32;
    static final int MAX_ACTIVE_ZONES = ZONED + 36;
    static final int MAX_OPEN_ZONES = ZONED + 40;

    /** The flag in a write pointer of layout be44. */
    static final long CONVENTIONAL = 1L << 63;

    private Images() {}

    /**
     * Returns options for 16 zones of 1 MiB, the first two conventional, capacity 768 KiB, clusters of 4 KiB: several
     * L2 tables.
     */
    static FormatOptions.Builder small() {
        return FormatOptions.ofSize(16 * MIB)
                .zoneSize(MIB)
                .capacity(768 << 10)
                .conventionalZones(2)
                .clusterSize(4096);
    }

    static SparseImage create(FormatOptions.Builder options) throws IOException {
        SparseImage file = new SparseImage();
        ImageFormatter.format(file, options.build());
        return file;
    }

    static SparseImage image(long... writePointers) throws IOException {
        SparseImage file = create(small());
        for (int i = 0; i < writePointers.length; i++) {
            setPointer(file, 2 + i, writePointers[i]);
        }
        return file;
    }

    /** Returns a long as it is stored in the file. */
    static MemorySegment bytes(long value) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Long.BYTES]);
        bytes.set(BigEndian.LONG, 0, value);
        return bytes;
    }

    /** Returns the offset of the write pointer table of an image of layout be44. */
    static long pointers(SparseImage file) throws IOException {
        return pointers(file, ZonedLayout.BE44);
    }

    static long pointers(SparseImage file, ZonedLayout layout) throws IOException {
        return file.getLong(pointersField(layout));
    }

    /** Returns the offset of the field for the offset of the write pointer table. */
    static int pointersField(ZonedLayout layout) {
        return ZONED
                + switch (layout) {
                    case V4 -> 32;
                    case V6, BE48 -> 40;
                    case V8 -> 48;
                    case BE44 -> 24;
                };
    }

    static void setPointer(SparseImage file, int zone, long value) throws IOException {
        file.putLong(pointers(file) + 8L * zone, value);
    }

    /** Returns the offset of the L2 entry of a guest cluster, in an image with clusters of 4 KiB. */
    static long l2Entry(SparseImage file, long guestCluster) throws IOException {
        long table = file.getLong(file.getLong(L1_OFFSET) + 8 * (guestCluster / 512)) & ~(1L << 63);
        return table + 8 * (guestCluster % 512);
    }

    /** Returns the offset of the 16-bit refcount of a host cluster, in an image with contiguous refcount blocks. */
    static long refcount(SparseImage file, long hostCluster) throws IOException {
        return file.getLong(file.getLong(REFCOUNT_TABLE_OFFSET)) + 2 * hostCluster;
    }

    /** Attaches, maps this many clusters from a guest cluster on to new host clusters, and detaches. */
    static long map(SparseImage file, long guestCluster, int count) throws IOException {
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(ATTACH);
        long first = mapOpen(image, guestCluster, count);
        writeRefcounts(file, image.allocator());
        image.markClosed();
        return first;
    }

    static long mapOpen(Qcow2Image image, long guestCluster, int count) throws IOException {
        ClusterAllocator allocator = image.allocator();
        assertEquals(true, allocator.allocate(count));
        assertEquals(count, allocator.runClusters());
        long[] hostClusters = new long[count];
        for (int i = 0; i < count; i++) {
            hostClusters[i] = allocator.runStart() + i;
        }
        image.writeMapping(guestCluster, count, hostClusters);
        return allocator.runStart();
    }

    static void writeRefcounts(SparseImage file, ClusterAllocator allocator) throws IOException {
        MemorySegment page = MemorySegment.ofArray(new byte[allocator.pageBytes()]);
        for (int i = allocator.nextDirtyPage(0); i >= 0; i = allocator.nextDirtyPage(i + 1)) {
            allocator.takeDirtyPage(i, page);
            file.write(page, allocator.pageOffsetBytes(i));
        }
    }

    /** Checks that opening fails with this sentence and leaves the file unchanged. */
    static void assertRefused(String sentence, SparseImage file, Access access) {
        SparseImage before = file.copy();
        ImageFormatException e = assertThrows(ImageFormatException.class, () -> Qcow2Image.open(file, access));
        assertEquals(sentence, e.getMessage());
        assertEquals(true, file.sameBytes(before), "the file was written to");
    }
}
