package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;

/** One entry of an L2 table (qcow2 specification, "Cluster mapping"): a host cluster, or none, and flags. */
final class L2Entry {

    /** The value in place of a host cluster for a guest cluster without one. */
    static final long HOLE = -1;

    /** The flag of a host cluster whose refcount is exactly 1. */
    static final long COPIED = 1L << 63;

    /** The flag of a guest cluster that reads as zeros, no matter what its host cluster holds. */
    static final long ZERO = 1;

    private static final long COMPRESSED = 1L << 62;
    private static final long OFFSET = 0x00ff_ffff_ffff_fe00L;

    private L2Entry() {}

    /** Returns the entry for a host cluster or for {@link #HOLE}. */
    static long of(long hostCluster, int clusterBits) {
        return hostCluster == HOLE ? 0 : hostCluster << clusterBits | COPIED;
    }

    static boolean isCompressed(long entry) {
        return (entry & COMPRESSED) != 0;
    }

    /** Returns the error for a compressed cluster. */
    static ImageFormatException compressed(long guestCluster) {
        return new ImageFormatException(
                "guest cluster %d is compressed, which this version does not read: copy the data to an image made with ublk-zoned create"
                        .formatted(guestCluster));
    }

    /**
     * Returns whether an entry that is not compressed breaks a rule: it has a reserved bit, or an offset within a
     * cluster.
     */
    static boolean isDamaged(long entry, int clusterBits) {
        return (entry & ~(COPIED | OFFSET | ZERO)) != 0 || (entry & OFFSET & (1L << clusterBits) - 1) != 0;
    }

    /** Marks the host clusters that an entry names as in use, even if the entry is otherwise damaged. */
    static void keepHostClusters(long entry, int clusterBits, ClusterAllocator allocator) {
        if (!isCompressed(entry)) {
            long cluster = hostCluster(entry, clusterBits);
            if (cluster != HOLE) {
                allocator.keep(cluster, cluster);
            }
            return;
        }
        // qcow2 specification, "Compressed Clusters Descriptor": an offset, and the number of additional sectors.
        int offsetBits = 62 - (clusterBits - 8);
        long offset = entry & (1L << offsetBits) - 1;
        long sectors = entry >>> offsetBits & (1L << (clusterBits - 8)) - 1;
        allocator.keep(offset >>> clusterBits, (offset + sectors * DeviceGeometry.SECTOR_BYTES) >>> clusterBits);
    }

    static boolean isZero(long entry) {
        return (entry & ZERO) != 0;
    }

    /** Returns the host cluster of an entry, even of one that reads as zeros, or {@link #HOLE}. */
    static long hostCluster(long entry, int clusterBits) {
        long offset = entry & OFFSET;
        return offset == 0 ? HOLE : offset >>> clusterBits;
    }
}
