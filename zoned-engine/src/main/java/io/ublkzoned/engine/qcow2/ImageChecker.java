package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.ImageFile;
import io.ublkzoned.engine.ImageFormatException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks for damage in an image, and never writes. Damage is a result; only a file that cannot be looked at, because it
 * is not a zoned qcow2 image or has features that are not supported, is refused.
 *
 * <p>Memory is bounded by what is in the file: one bit for each host cluster in use.
 */
public final class ImageChecker {

    private final ImageFile file;
    private final List<String> findings = new ArrayList<>();
    private long corruptions;
    private long leaks;
    private long allocatedClusters;

    private ImageChecker(ImageFile file) {
        this.file = file;
    }

    /**
     * Checks an image that nobody is writing to. Blocks, for as long as it takes to read all tables.
     *
     * @throws ImageFormatException if the file is not an image that can be checked
     */
    public static CheckResult check(ImageFile file) throws IOException {
        Qcow2Header.requireQcow2(file);
        return new ImageChecker(file).run();
    }

    private CheckResult run() throws IOException {
        Qcow2Header header;
        try {
            header = Qcow2Header.read(file);
        } catch (ImageFormatException e) {
            damage(e);
            return result(false, 0, 0);
        }
        header.requireKnownFeatures();
        header.requireZoned();
        boolean dirty = header.has(FeatureBits.DIRTY);
        ZonedExtension zoned;
        try {
            zoned = ZonedExtension.read(header);
        } catch (ImageFormatException e) {
            damage(e);
            return result(dirty, 0, 0);
        }
        header.requireFollowable();
        if (header.has(FeatureBits.CORRUPT)) {
            corruption("the image is marked as corrupt");
        }
        ImageTables tables = ImageTables.read(file, header, zoned, this::corruption);
        WritePointerTable pointers = readPointers(zoned, header.clusterBytes());
        ClusterBitmap used = findReferences(header, tables, pointers);
        compareRefcounts(tables.refcounts(), used, dirty);
        long guestClusters = HostLayout.ceilShift(header.deviceSizeBytes(), header.clusterBits());
        return result(dirty, guestClusters, used.end() << header.clusterBits());
    }

    /** Reads the write pointers and checks each; null if the table cannot be read. */
    private @Nullable WritePointerTable readPointers(ZonedExtension zoned, int clusterBytes) throws IOException {
        WritePointerTable pointers;
        try {
            pointers = WritePointerTable.read(file, zoned, clusterBytes);
        } catch (ImageFormatException e) {
            damage(e);
            return null;
        }
        boolean sound = true;
        for (int zone = 0; zone < zoned.geometry().zoneCount(); zone++) {
            String problem = pointers.problem(zone);
            if (problem != null) {
                corruption(problem);
                sound = false;
            }
        }
        return sound ? pointers : null;
    }

    /** Goes through all mappings. Those that recovery will drop refer to nothing. */
    private ClusterBitmap findReferences(Qcow2Header header, ImageTables tables, @Nullable WritePointerTable pointers)
            throws IOException {
        int clusterBits = header.clusterBits();
        boolean dirty = header.has(FeatureBits.DIRTY);
        HostClaims claims = new HostClaims(clusterBits, tables.limitCluster(), this::corruption);
        claims.claimed().addAll(tables.metadata());
        long[] offsets = tables.l2Offsets();
        int entries = header.clusterBytes() / Long.BYTES;
        TableScanner.scan(file, offsets, offsets.length, header.clusterBytes(), (index, table, allZero) -> {
            for (int i = 0; !allZero && i < entries; i++) {
                long entry = table.getAtIndex(BigEndian.LONG, i);
                long guestCluster = (long) index * entries + i;
                boolean pastData = pointers != null && pointers.isPastData(guestCluster << clusterBits);
                if (entry != 0 && !(dirty && pastData)) {
                    checkMapping(entry, guestCluster, clusterBits, pastData, claims);
                }
            }
        });
        return claims.claimed();
    }

    private void checkMapping(long entry, long guestCluster, int clusterBits, boolean pastData, HostClaims claims)
            throws ImageFormatException {
        if (L2Entry.isCompressed(entry)) {
            throw new ImageFormatException(
                    "guest cluster %d is compressed, and an image with compressed clusters cannot be checked: copy its data to an image made with ublk-zoned create"
                            .formatted(guestCluster));
        }
        if (L2Entry.isDamaged(entry, clusterBits)) {
            corruption(
                    "the mapping of guest cluster %d is %#x, which no mapping can be".formatted(guestCluster, entry));
            return;
        }
        long hostCluster = L2Entry.hostCluster(entry, clusterBits);
        if (hostCluster == L2Entry.HOLE || !claims.claimData(guestCluster, hostCluster)) {
            return;
        }
        allocatedClusters++;
        if (pastData && !L2Entry.isZero(entry)) {
            leak(
                    "guest cluster %d has space, although it is past the write pointer of its zone"
                            .formatted(guestCluster),
                    1);
        }
        if ((entry & L2Entry.COPIED) == 0) {
            corruption("guest cluster %d is not marked as the only owner of host cluster %d"
                    .formatted(guestCluster, hostCluster));
        }
    }

    /** What can be wrong with a refcount. */
    private enum Mismatch {
        NONE,
        TOO_LOW,
        TOO_HIGH
    }

    private void compareRefcounts(RefcountTable refcounts, ClusterBitmap used, boolean dirty) throws IOException {
        MismatchRuns runs = new MismatchRuns(dirty);
        long[] offsets = refcounts.blockOffsets();
        int blockClusters = refcounts.blockClusters();
        TableScanner.scan(file, offsets, offsets.length, refcounts.blockBytes(), (index, block, allZero) -> {
            long first = (long) index * blockClusters;
            if (allZero) {
                runs.addUsed(used, first, first + blockClusters);
                return;
            }
            for (int i = 0; i < blockClusters; i++) {
                long refcount = RefcountTable.decode(block, refcounts.order(), i);
                boolean isUsed = used.contains(first + i);
                if (refcount != (isUsed ? 1 : 0)) {
                    runs.add(first + i, refcount == 0 ? Mismatch.TOO_LOW : Mismatch.TOO_HIGH);
                }
            }
        });
        long covered = (long) offsets.length * blockClusters;
        runs.addUsed(used, covered, Math.max(covered, used.end()));
        runs.finish();
    }

    /** Makes one finding of neighbours with the same fault. */
    private final class MismatchRuns {

        private final boolean dirty;
        private Mismatch mismatch = Mismatch.NONE;
        private long start;
        private long end;

        MismatchRuns(boolean dirty) {
            this.dirty = dirty;
        }

        /** Clusters of a range that are in use, where all refcounts are 0. */
        void addUsed(ClusterBitmap used, long first, long limit) {
            for (long c = used.nextPresent(first, limit); c < limit; c = used.nextPresent(c + 1, limit)) {
                add(c, Mismatch.TOO_LOW);
            }
        }

        void add(long cluster, Mismatch found) {
            if (found != mismatch || cluster != end) {
                finish();
                mismatch = found;
                start = cluster;
            }
            end = cluster + 1;
        }

        void finish() {
            String clusters = end - start == 1
                    ? "host cluster " + start
                    : "each of the host clusters %d to %d".formatted(start, end - 1);
            switch (mismatch) {
                case NONE -> {}
                case TOO_LOW -> {
                    if (dirty) {
                        leak(clusters + " is in use but not yet marked so: recovery will do it", end - start);
                    } else {
                        corruptions += end - start - 1;
                        corruption(clusters + " is in use but marked as free");
                    }
                }
                case TOO_HIGH -> leak(clusters + " is marked for more owners than it has", end - start);
            }
            mismatch = Mismatch.NONE;
        }
    }

    private void damage(ImageFormatException e) {
        corruption(String.valueOf(e.getMessage()));
    }

    private void corruption(String sentence) {
        corruptions++;
        find(sentence);
    }

    private void leak(String sentence, long clusters) {
        leaks += clusters;
        find(sentence);
    }

    private void find(String sentence) {
        if (findings.size() < CheckResult.FINDINGS_MAX) {
            findings.add(sentence);
        }
    }

    private CheckResult result(boolean dirty, long guestClusters, long imageEndBytes) {
        CheckResult.Status status = corruptions > 0
                ? CheckResult.Status.CORRUPT
                : leaks > 0 ? CheckResult.Status.LEAKS : CheckResult.Status.CLEAN;
        return new CheckResult(
                status, dirty, corruptions, leaks, allocatedClusters, guestClusters, imageEndBytes, findings);
    }
}
