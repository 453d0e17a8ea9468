package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;

/**
 * The places of all components in a new image, in the order of the record's components: the header cluster, the
 * refcount table, the L1 table, the write pointers, then all refcount blocks and all L2 tables, which are holes until
 * used. Data follows.
 *
 * @param refcountBlocks enough blocks for {@code hostClusters}
 * @param hostClusters the maximum number of clusters that the file can ever need
 */
record HostLayout(
        int clusterBits,
        int refcountOrder,
        int refcountTableClusters,
        int l1Clusters,
        int pointerClusters,
        int refcountBlocks,
        int l2Tables,
        long hostClusters) {

    /** The refcount width of a new image: 1 << 4 bits, as in qemu-img by default. */
    static final int REFCOUNT_ORDER = 4;

    /** The part of the device that can wait for its holes to become durable after a reset, while the rest is full. */
    private static final int SPARE_FRACTION = 8;

    /**
     * Lays out an image.
     *
     * @throws GeometryException if clusters of this size cannot hold the device
     */
    static HostLayout plan(DeviceGeometry geometry, int clusterBits, int refcountOrder) {
        long guestClusters = ceilShift(geometry.sizeBytes(), clusterBits);
        long l2Tables = l2Tables(geometry.sizeBytes(), clusterBits);
        requireFits(l2Tables * Long.BYTES, ClusterTable.L1.bytesMax(), clusterBits);
        int l1Clusters = (int) ceilShift(l2Tables * Long.BYTES, clusterBits);
        int pointerClusters = (int) ceilShift((long) geometry.zoneCount() * Long.BYTES, clusterBits);
        long spare = Math.max(guestClusters / SPARE_FRACTION, geometry.zoneLengthBytes(0) >>> clusterBits);
        long others = 1 + l1Clusters + pointerClusters + l2Tables + guestClusters + spare;

        long blocks = 0;
        long tableClusters = 0;
        long needed = ceilShift(others, blockShift(clusterBits, refcountOrder));
        while (blocks < needed) {
            blocks = needed;
            tableClusters = ceilShift(blocks * Long.BYTES, clusterBits);
            needed = ceilShift(others + blocks + tableClusters, blockShift(clusterBits, refcountOrder));
        }
        requireFits(blocks * Long.BYTES, ClusterTable.REFCOUNT.bytesMax(), clusterBits);
        return new HostLayout(
                clusterBits,
                refcountOrder,
                (int) tableClusters,
                l1Clusters,
                pointerClusters,
                (int) blocks,
                (int) l2Tables,
                others + blocks + tableClusters);
    }

    static void requireFits(long tableBytes, int maxBytes, int clusterBits) {
        if (tableBytes > maxBytes) {
            throw new GeometryException("the device is too large for clusters of %d bytes: use larger clusters"
                    .formatted(1 << clusterBits));
        }
    }

    /** Returns the number of L2 tables that map a device. */
    static long l2Tables(long deviceSizeBytes, int clusterBits) {
        return ceilShift(deviceSizeBytes, 2 * clusterBits - 3);
    }

    /** Returns the binary logarithm of the number of refcounts in a block. */
    static int blockShift(int clusterBits, int refcountOrder) {
        return clusterBits + 3 - refcountOrder;
    }

    static long ceilShift(long value, int shift) {
        return (value >>> shift) + ((value & (1L << shift) - 1) == 0 ? 0 : 1);
    }

    int clusterBytes() {
        return 1 << clusterBits;
    }

    long refcountTableOffset() {
        return clusterBytes();
    }

    long l1Offset() {
        return refcountTableOffset() + bytes(refcountTableClusters);
    }

    long pointersOffset() {
        return l1Offset() + bytes(l1Clusters);
    }

    long refcountBlocksOffset() {
        return pointersOffset() + bytes(pointerClusters);
    }

    long l2Offset() {
        return refcountBlocksOffset() + bytes(refcountBlocks);
    }

    /** Returns the length of the file before it holds any data. */
    long metadataBytes() {
        return l2Offset() + bytes(l2Tables);
    }

    private long bytes(long clusters) {
        return clusters << clusterBits;
    }
}
