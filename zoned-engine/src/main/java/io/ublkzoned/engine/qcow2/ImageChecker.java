package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A check of an image for damage. It never writes. Damage is a result, not an error, and the check continues with
 * everything that can still be read. Only a file that is not a zoned qcow2 image, or that uses unsupported features, is
 * refused.
 *
 * <p>Memory is bounded by the contents of the file: one bit for each host cluster in use, and less for holes.
 */
public final class ImageChecker {

    private final ImageFile file;
    private final CheckProgress progress;
    private final Findings findings = new Findings();
    private long allocatedClusters;
    /** Whether every reference to a host cluster could be read. Otherwise it is unknown which clusters are leaked. */
    private boolean complete;

    ImageChecker(ImageFile file, CheckProgress progress) {
        this.file = file;
        this.progress = progress;
    }

    /**
     * Checks an image that no one is writing to. Blocks until all tables have been read.
     *
     * @throws ImageFormatException if the file is not an image that can be checked
     */
    public static CheckResult check(ImageFile file) throws IOException {
        return check(file, CheckProgress.UNSEEN);
    }

    /** Like {@link #check(ImageFile)}, and reports the progress. */
    public static CheckResult check(ImageFile file, CheckProgress progress) throws IOException {
        return new ImageChecker(file, progress).run(true);
    }

    /** @param withCorruptBit whether the image's corrupt bit counts as damage */
    CheckResult run(boolean withCorruptBit) throws IOException {
        PartialImage image = PartialImage.read(file, findings);
        if (image == null) {
            return findings.result(false, false, 0, 0, 0);
        }
        Qcow2Header header = image.header();
        if (withCorruptBit && header.has(FeatureBits.CORRUPT)) {
            findings.corruption("the image is marked as corrupt");
        }
        complete = image.isComplete();
        ClusterBitmap used = findReferences(image);
        compareRefcounts(image, used);
        long guestClusters = HostLayout.ceilShift(header.deviceSizeBytes(), header.clusterBits());
        return findings.result(
                image.isDirty(),
                image.isAttachable(),
                allocatedClusters,
                guestClusters,
                used.end() << header.clusterBits());
    }

    /** Finds the clusters that all mappings refer to. Mappings that recovery will drop do not count. */
    private ClusterBitmap findReferences(PartialImage image) throws IOException {
        ImageTables tables = image.tables();
        int clusterBits = image.header().clusterBits();
        HostClaims claims = new HostClaims(clusterBits, tables.limitCluster(), findings::corruption);
        claims.claimed().addAll(tables.metadata());
        long[] offsets = tables.l2Offsets();
        int entries = image.tableEntries();
        long total = (long) offsets.length + tables.refcounts().blockOffsets().length;
        TableScanner.scan(file, offsets, offsets.length, image.header().clusterBytes(), (index, table, allZero) -> {
            for (int i = 0; !allZero && i < entries; i++) {
                long entry = table.getAtIndex(BigEndian.LONG, i);
                if (entry != 0) {
                    checkMapping(image, entry, (long) index * entries + i, claims);
                }
            }
            progress.tables(index + 1L, total);
        });
        return claims.claimed();
    }

    private void checkMapping(PartialImage image, long entry, long guestCluster, HostClaims claims)
            throws ImageFormatException {
        if (L2Entry.isCompressed(entry)) {
            findings.corruption(
                    "guest cluster %d is compressed, which zoned images do not support".formatted(guestCluster));
            complete = false;
            return;
        }
        boolean pastData = image.isPastData(guestCluster);
        if (pastData && image.isDirty()) {
            return;
        }
        int clusterBits = image.header().clusterBits();
        if (L2Entry.isDamaged(entry, clusterBits)) {
            findings.corruption("the mapping of guest cluster %d is %#x, which is not a valid mapping"
                    .formatted(guestCluster, entry));
            complete = false;
            return;
        }
        long hostCluster = L2Entry.hostCluster(entry, clusterBits);
        if (hostCluster == L2Entry.HOLE || !claims.claimData(guestCluster, hostCluster)) {
            return;
        }
        allocatedClusters++;
        if (pastData && !L2Entry.isZero(entry)) {
            findings.leaks(
                    "guest cluster %d has space, although it is past the write pointer of its zone"
                            .formatted(guestCluster),
                    1);
        }
        if ((entry & L2Entry.COPIED) == 0) {
            findings.corruption("guest cluster %d is not marked as the only owner of host cluster %d"
                    .formatted(guestCluster, hostCluster));
        }
    }

    private void compareRefcounts(PartialImage image, ClusterBitmap used) throws IOException {
        RefcountTable refcounts = image.tables().refcounts();
        RefcountMismatches mismatches = new RefcountMismatches(findings, image.isDirty(), complete);
        long[] offsets = refcounts.blockOffsets();
        int blockClusters = refcounts.blockClusters();
        long before = image.tables().l2Offsets().length;
        TableScanner.scan(file, offsets, offsets.length, refcounts.blockBytes(), (index, block, allZero) -> {
            long first = (long) index * blockClusters;
            if (allZero) {
                mismatches.addUsed(used, first, first + blockClusters);
            } else {
                compareBlock(refcounts, block, first, used, mismatches);
            }
            progress.tables(before + index + 1, before + offsets.length);
        });
        long covered = (long) offsets.length * blockClusters;
        mismatches.addUsed(used, covered, Math.max(covered, used.end()));
        mismatches.finish();
        if (!complete) {
            findings.remark("the check skipped leaks, because some references to host clusters cannot be read");
        }
    }

    private static void compareBlock(
            RefcountTable refcounts,
            MemorySegment block,
            long first,
            ClusterBitmap used,
            RefcountMismatches mismatches) {
        for (int i = 0; i < refcounts.blockClusters(); i++) {
            mismatches.add(first + i, RefcountTable.decode(block, refcounts.order(), i), used.contains(first + i));
        }
    }
}
