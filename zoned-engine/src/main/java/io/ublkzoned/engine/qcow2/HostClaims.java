package io.ublkzoned.engine.qcow2;

/** The set of host clusters that something refers to. Two references to one cluster are damage. */
final class HostClaims {

    private final int clusterBits;
    private final long limitCluster;
    private final DamageHandler onDamage;
    private final ClusterBitmap claimed = new ClusterBitmap();

    /** @param limitCluster the first host cluster that cannot exist */
    HostClaims(int clusterBits, long limitCluster, DamageHandler onDamage) {
        this.clusterBits = clusterBits;
        this.limitCluster = limitCluster;
        this.onDamage = onDamage;
    }

    /**
     * Claims the clusters of a table. Does nothing if they are not within the limit.
     *
     * @return false, after reporting the damage, if another table has one of them
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
                onDamage.handle("the %s overlaps other metadata in host cluster %d".formatted(name, cluster));
                alone = false;
            }
        }
        return alone;
    }

    /**
     * Claims the clusters of tables that have one cluster each. An offset of 0 stands for a missing table. A table
     * whose cluster is already claimed becomes a missing one, so no cluster is used for two tables, no matter how often
     * it is named.
     */
    void claimTables(String name, long[] offsets) throws ImageFormatException {
        for (int i = 0; i < offsets.length; i++) {
            if (offsets[i] != 0 && !claimMetadata(name, offsets[i], 1)) {
                offsets[i] = 0;
            }
        }
    }

    /** Claims the host cluster of a guest cluster. Returns false, after reporting the damage, if that is impossible. */
    boolean claimData(long guestCluster, long hostCluster) throws ImageFormatException {
        if (hostCluster >= limitCluster) {
            onDamage.handle("guest cluster %d is mapped to host cluster %d, outside of the file"
                    .formatted(guestCluster, hostCluster));
            return false;
        }
        if (!claimed.add(hostCluster)) {
            onDamage.handle("guest cluster %d is mapped to host cluster %d, which is in use for something else"
                    .formatted(guestCluster, hostCluster));
            return false;
        }
        return true;
    }

    ClusterBitmap claimed() {
        return claimed;
    }
}
