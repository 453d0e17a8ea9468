package io.ublkzoned.engine.qcow2;

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

    /**
     * Claims the clusters of a table; does nothing if they are not within the limit.
     *
     * @return false, after a word about the damage, if something else has one of them
     */
    boolean claimMetadata(String name, long offset, long bytes) throws ImageFormatException {
        long first = offset >>> clusterBits;
        long end = first + HostLayout.ceilShift(bytes, clusterBits);
        if (offset < 0 || end > limitCluster) {
            return true;
        }
        boolean alone = true;
        for (long cluster = first; cluster < end; cluster++) {
            if (!claimed.add(cluster)) {
                sink.damage("the %s overlaps other metadata in host cluster %d".formatted(name, cluster));
                alone = false;
            }
        }
        return alone;
    }

    /**
     * Claims the clusters of tables of one cluster each; an offset of 0 is a missing one. One that cannot be had becomes
     * a missing one, so that no cluster is taken for two tables, however often it is named.
     */
    void claimTables(String name, long[] offsets) throws ImageFormatException {
        for (int i = 0; i < offsets.length; i++) {
            if (offsets[i] != 0 && !claimMetadata(name, offsets[i], 1)) {
                offsets[i] = 0;
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
