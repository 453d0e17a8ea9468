package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The tables that do not change while an image is attached. */
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
     * Reads and checks them: every offset is that of a cluster within the file, and no two tables share one.
     *
     * @param zoned null if it is not known where the write pointers are
     */
    static ImageTables read(ImageFile file, Qcow2Header header, @Nullable ZonedExtension zoned, DamageSink sink)
            throws IOException {
        int clusterBits = header.clusterBits();
        int clusterBytes = header.clusterBytes();
        long fileClusters = HostLayout.ceilShift(file.sizeBytes(), clusterBits);
        if (fileClusters > RefcountTable.CLUSTERS_MAX) {
            throw new ImageFormatException(
                    "the file has %d clusters, more than this version can work with: copy its data to an image with larger clusters"
                            .formatted(fileClusters));
        }
        long[] l2Offsets = ClusterTable.L1.read(file, header.l1Offset(), header.l1Entries(), clusterBytes, sink);
        long l2Needed = HostLayout.l2Tables(header.deviceSizeBytes(), clusterBits);
        if (header.l1Entries() < l2Needed) {
            sink.damage("the L1 table has %d entries, and the device needs %d".formatted(header.l1Entries(), l2Needed));
        }
        long[] blockOffsets = ClusterTable.REFCOUNT.read(
                file, header.refcountTableOffset(), header.refcountTableBytes() / Long.BYTES, clusterBytes, sink);

        HostClaims claims = new HostClaims(clusterBits, fileClusters, sink);
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

    /** The L1 table: where each L2 table is, 0 for a missing one. */
    long[] l2Offsets() {
        return l2Offsets;
    }

    RefcountTable refcounts() {
        return refcounts;
    }

    /** The host clusters of the header and of all tables. */
    ClusterBitmap metadata() {
        return metadata;
    }

    /**
     * The first host cluster that nothing can be mapped to: the end of the file, or, because data of an image that was
     * not closed may not have reached the file, the end of what the refcount blocks cover.
     */
    long limitCluster() {
        return limitCluster;
    }
}
