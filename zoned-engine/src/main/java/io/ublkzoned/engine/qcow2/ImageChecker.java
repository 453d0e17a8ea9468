package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Looks for damage in an image, and never writes. Damage is a result, and what can still be read is checked; only a file
 * that is not a zoned qcow2 image, or that has features that are not supported, is refused.
 *
 * <p>Memory is bounded by what is in the file: one bit for each host cluster in use, and less for holes.
 */
public final class ImageChecker {

    private final ImageFile file;
    private final CheckProgress progress;
    private final Findings findings = new Findings();
    private long allocatedClusters;
    /** Whether all that refers to a host cluster could be read: without that, nobody knows what is leaked. */
    private boolean complete;

    ImageChecker(ImageFile file, CheckProgress progress) {
        this.file = file;
        this.progress = progress;
    }

    /**
     * Checks an image that nobody is writing to. Blocks, for as long as it takes to read all tables.
     *
     * @throws ImageFormatException if the file is not an image that can be checked
     */
    public static CheckResult check(ImageFile file) throws IOException {
        return check(file, CheckProgress.UNSEEN);
    }

    /** As {@link #check(ImageFile)}; tells how far it has come. */
    public static CheckResult check(ImageFile file, CheckProgress progress) throws IOException {
        return new ImageChecker(file, progress).run(true);
    }

    /** @param withCorruptBit whether the mark that the image is corrupt is damage of its own */
    CheckResult run(boolean withCorruptBit) throws IOException {
        ReadableImage image = ReadableImage.read(file, findings);
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

    /** Goes through all mappings. Those that recovery will drop refer to nothing. */
    private ClusterBitmap findReferences(ReadableImage image) throws IOException {
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

    private void checkMapping(ReadableImage image, long entry, long guestCluster, HostClaims claims)
            throws ImageFormatException {
        if (L2Entry.isCompressed(entry)) {
            findings.corruption(
                    "guest cluster %d is compressed, which a cluster of a zone cannot be".formatted(guestCluster));
            complete = false;
            return;
        }
        boolean pastData = image.isPastData(guestCluster);
        if (pastData && image.isDirty()) {
            return;
        }
        int clusterBits = image.header().clusterBits();
        if (L2Entry.isDamaged(entry, clusterBits)) {
            findings.corruption(
                    "the mapping of guest cluster %d is %#x, which no mapping can be".formatted(guestCluster, entry));
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

    private void compareRefcounts(ReadableImage image, ClusterBitmap used) throws IOException {
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
            findings.remark("leaks were not looked for, because not all that refers to host clusters can be read");
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
