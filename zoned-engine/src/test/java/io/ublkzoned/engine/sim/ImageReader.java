package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.zone.DeviceGeometry;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A reader of an image, by the qcow2 specification and without the engine's own classes. The image must be consistent:
 * just opened, or closed.
 */
final class ImageReader {

    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long COPIED = 1L << 63;
    private static final long ZERO = 1;
    private static final int DIRTY = 1;
    private static final int HEADER_BYTES = 4096;

    private final SimulatedDisk disk;
    private final DeviceGeometry geometry;
    private final int clusterBits;
    private final int refcountOrder;
    private final boolean dirty;
    private final long l1Offset;
    private final long[] l2Tables;
    private final long refcountTable;
    private final int refcountTableBytes;
    private final long[] refcountBlocks;
    private final long pointersOffset;
    private final int clustersPerZone;
    private final long[] entries;
    private final long[] pointers;

    ImageReader(SimulatedDisk disk, DeviceGeometry geometry) {
        this.disk = disk;
        this.geometry = geometry;
        ByteBuffer header = ByteBuffer.wrap(disk.peek(0, HEADER_BYTES));
        clusterBits = header.getInt(20);
        refcountOrder = header.getInt(96);
        dirty = (header.get(79) & DIRTY) != 0;
        l1Offset = header.getLong(40);
        l2Tables = longs(l1Offset, header.getInt(36));
        refcountTable = header.getLong(48);
        refcountTableBytes = header.getInt(56) << clusterBits;
        refcountBlocks = longs(refcountTable, refcountTableBytes / Long.BYTES);
        ZonedFields zoned = ZonedFields.of(header);
        pointersOffset = zoned.tableOffset();
        pointers = longs(pointersOffset, geometry.zoneCount());
        for (int i = 0; i < pointers.length; i++) {
            pointers[i] = zoned.pointer(pointers[i]);
        }
        clustersPerZone = (int) (geometry.zoneSizeBytes() >>> clusterBits);
        int tableEntries = 1 << (clusterBits - 3);
        entries = new long[l2Tables.length * tableEntries];
        for (int i = 0; i < l2Tables.length; i++) {
            long table = l2Tables[i] & OFFSET_MASK;
            if (table != 0) {
                System.arraycopy(longs(table, tableEntries), 0, entries, i * tableEntries, tableEntries);
            }
        }
    }

    private long[] longs(long offset, int count) {
        byte[] bytes = disk.peek(offset, count * Long.BYTES);
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            values[i] = TestData.wordAt(bytes, i * Long.BYTES);
        }
        return values;
    }

    boolean isDirty() {
        return dirty;
    }

    /** Returns the data that a reader of the zone sees: the data below the stored write pointer, and zeros above it. */
    byte[] zone(int zone) {
        byte[] data = new byte[(int) geometry.zoneSizeBytes()];
        long readable = geometry.isConventional(zone)
                ? data.length
                : Math.min(pointers[zone] - geometry.zoneStart(zone), geometry.capacityBytes());
        for (int i = 0; (long) i << clusterBits < readable; i++) {
            long entry = entries[zone * clustersPerZone + i];
            long host = entry & OFFSET_MASK;
            if (host != 0 && (entry & ZERO) == 0) {
                int at = i << clusterBits;
                int length = (int) Math.min(1L << clusterBits, readable - at);
                System.arraycopy(disk.peek(host, length), 0, data, at, length);
            }
        }
        return data;
    }

    /**
     * Checks that no cluster has two owners, that the refcounts are exact, that nothing is mapped above a write
     * pointer, and that all free clusters are holes.
     *
     * @return the end of the last cluster in use
     */
    long requireWhole() {
        int[] owners = new int[refcountBlocks.length == 0 ? 0 : coveredClusters()];
        own(owners, 0, 1L << clusterBits);
        own(owners, l1Offset, (long) l2Tables.length * Long.BYTES);
        own(owners, refcountTable, refcountTableBytes);
        own(owners, pointersOffset, (long) pointers.length * Long.BYTES);
        for (long table : l2Tables) {
            own(owners, table & OFFSET_MASK, 1L << clusterBits);
        }
        for (long block : refcountBlocks) {
            if (block != 0) {
                own(owners, block, 1L << clusterBits);
            }
        }
        for (int i = 0; i < entries.length; i++) {
            if (entries[i] != 0) {
                requireBelowPointer(i);
                if ((entries[i] & COPIED) == 0) {
                    throw new AssertionError("guest cluster " + i + " is not marked as the only owner of its space");
                }
                own(owners, entries[i] & OFFSET_MASK, 1L << clusterBits);
            }
        }
        return compare(owners);
    }

    private int coveredClusters() {
        int blocks = 0;
        while (blocks < refcountBlocks.length && refcountBlocks[blocks] != 0) {
            blocks++;
        }
        return blocks << (clusterBits + 3 - refcountOrder);
    }

    private void own(int[] owners, long offset, long length) {
        for (long at = offset; at < offset + length; at += 1L << clusterBits) {
            int cluster = (int) (at >>> clusterBits);
            if (++owners[cluster] > 1) {
                throw new AssertionError("host cluster " + cluster + " has two owners");
            }
        }
    }

    private void requireBelowPointer(int guestCluster) {
        int zone = guestCluster / clustersPerZone;
        long start = (long) guestCluster << clusterBits;
        if (zone >= geometry.zoneCount()
                || (!geometry.isConventional(zone)
                        && start >= Math.min(pointers[zone], geometry.zoneStart(zone) + geometry.capacityBytes()))) {
            throw new AssertionError("guest cluster " + guestCluster + " is mapped and can hold no data; " + this);
        }
    }

    /** Compares refcounts of a byte or more with the owners. */
    private long compare(int[] owners) {
        int width = (1 << refcountOrder) / Byte.SIZE;
        int perBlock = (1 << clusterBits) / width;
        long end = 0;
        for (int block = 0; block * perBlock < owners.length; block++) {
            byte[] refcounts = disk.peek(refcountBlocks[block], 1 << clusterBits);
            for (int i = 0; i < perBlock; i++) {
                int cluster = block * perBlock + i;
                int refcount = 0;
                for (int at = i * width; at < (i + 1) * width; at++) {
                    refcount = (refcount << Byte.SIZE) | (refcounts[at] & 0xff);
                }
                int owned = owners[cluster];
                if (refcount != owned) {
                    throw new AssertionError("host cluster %d has %d owners, and its refcount is %d"
                            .formatted(cluster, owned, refcount));
                }
                end = owned == 0 ? end : cluster + 1;
                boolean inFile = (long) cluster << clusterBits < disk.sizeBytes();
                if (owned == 0 && inFile && !disk.isZero((long) cluster << clusterBits, 1L << clusterBits)) {
                    throw new AssertionError("host cluster " + cluster + " is free and not a hole");
                }
            }
        }
        return end << clusterBits;
    }

    @Override
    public String toString() {
        return "write pointers " + Arrays.toString(pointers);
    }
}
