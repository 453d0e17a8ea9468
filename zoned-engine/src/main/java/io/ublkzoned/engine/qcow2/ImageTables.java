package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The tables of an image that do not change while it is attached. */
final class ImageTables {

    private final long[] l2Offsets;
    private final RefcountTable refcounts;
    private final ClusterBitmap metadata;
    private final long limitCluster;

    private ImageTables(long[] l2Offsets, RefcountTable refcounts, ClusterBitmap metadata, long limitCluster) {
        this.l2Offsets = l2Offsets;
        this.refcounts = refcounts;
        this.metadata = metadata;
        this.limitCluster = limitCluster;
    }

    /**
     * Reads and checks the tables: every offset is that of a cluster within the file, and no two tables share a
     * cluster.
     *
     * @param zoned the zoned extension, null if it cannot be read and the place of the write pointers is unknown
     */
    static ImageTables read(ImageFile file, Qcow2Header header, @Nullable ZonedExtension zoned, DamageHandler onDamage)
            throws IOException {
        int clusterBits = header.clusterBits();
        int clusterBytes = header.clusterBytes();
        long fileClusters = HostLayout.ceilShift(file.sizeBytes(), clusterBits);
        if (fileClusters > RefcountTable.CLUSTERS_MAX) {
            throw new ImageFormatException(
                    "the file has %d clusters, more than this version supports: copy its data to an image with larger clusters"
                            .formatted(fileClusters));
        }
        long[] l2Offsets = ClusterTable.L1.read(file, header.l1Offset(), header.l1Entries(), clusterBytes, onDamage);
        long l2Needed = HostLayout.l2Tables(header.deviceSizeBytes(), clusterBits);
        if (header.l1Entries() < l2Needed) {
            onDamage.handle(
                    "the L1 table has %d entries, and the device needs %d".formatted(header.l1Entries(), l2Needed));
        }
        long[] blockOffsets = ClusterTable.REFCOUNT.read(
                file, header.refcountTableOffset(), header.refcountTableBytes() / Long.BYTES, clusterBytes, onDamage);

        HostClaims claims = new HostClaims(clusterBits, fileClusters, onDamage);
        claims.claimMetadata("header", 0, clusterBytes);
        claims.claimMetadata("refcount table", header.refcountTableOffset(), (long) blockOffsets.length * Long.BYTES);
        claims.claimMetadata("L1 table", header.l1Offset(), (long) l2Offsets.length * Long.BYTES);
        if (zoned != null) {
            claims.claimMetadata("write pointer table", zoned.tableOffset(), zoned.tableBytes());
        }
        claims.claimTables("refcount block", blockOffsets);
        claims.claimTables("L2 table", l2Offsets);
        RefcountTable refcounts = new RefcountTable(clusterBits, header.refcountOrder(), blockOffsets);

        long limitCluster =
                header.has(FeatureBits.DIRTY) ? Math.max(fileClusters, refcounts.coveredClusters()) : fileClusters;
        return new ImageTables(l2Offsets, refcounts, claims.claimed(), limitCluster);
    }

    /** Returns the L1 table: the offset of each L2 table, 0 for a missing one. */
    long[] l2Offsets() {
        return l2Offsets;
    }

    RefcountTable refcounts() {
        return refcounts;
    }

    /** Returns the host clusters of the header and of all tables. */
    ClusterBitmap metadata() {
        return metadata;
    }

    /**
     * Returns the first host cluster that nothing can be mapped to. This is the end of the file. In an image that was
     * not closed it is at least the end of the area that the refcount blocks cover, because data may not have reached
     * the file.
     */
    long limitCluster() {
        return limitCluster;
    }
}
