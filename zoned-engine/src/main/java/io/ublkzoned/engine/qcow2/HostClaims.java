package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.ImageFormatException;

/** Who refers to which host cluster: a cluster that two want is damage. */
final class HostClaims {

    private final int clusterBits;
    private final long limitCluster;
    private final DamageSink sink;
    private final ClusterBitmap claimed = new ClusterBitmap();

    /** @param limitCluster the first host cluster that there cannot be */
    HostClaims(int clusterBits, long limitCluster, DamageSink sink) {
        this.clusterBits = clusterBits;
        this.limitCluster = limitCluster;
        this.sink = sink;
    }

    /** Claims the clusters of a table; does nothing if they are not within the limit. */
    void claimMetadata(String name, long offset, long bytes) throws ImageFormatException {
        long first = offset >>> clusterBits;
        long end = first + HostLayout.ceilShift(bytes, clusterBits);
        if (offset < 0 || end > limitCluster) {
            return;
        }
        for (long cluster = first; cluster < end; cluster++) {
            if (!claimed.add(cluster)) {
                sink.damage("the %s overlaps other metadata in host cluster %d".formatted(name, cluster));
            }
        }
    }

    /** Claims the clusters of tables of one cluster each; an offset of 0 is a missing one. */
    void claimTables(String name, long[] offsets) throws ImageFormatException {
        for (long offset : offsets) {
            if (offset != 0) {
                claimMetadata(name, offset, 1);
            }
        }
    }

    /** Claims the host cluster of a guest cluster; false, after a word about the damage, if it cannot be had. */
    boolean claimData(long guestCluster, long hostCluster) throws ImageFormatException {
        if (hostCluster >= limitCluster) {
            sink.damage("guest cluster %d is mapped to host cluster %d, outside of the file"
                    .formatted(guestCluster, hostCluster));
            return false;
        }
        if (!claimed.add(hostCluster)) {
            sink.damage("guest cluster %d is mapped to host cluster %d, which is in use for something else"
                    .formatted(guestCluster, hostCluster));
            return false;
        }
        return true;
    }

    ClusterBitmap claimed() {
        return claimed;
    }
}
