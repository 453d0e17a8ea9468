package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A repair of an image. It changes only what puts no data at risk, and leaves uncertain cases alone. Everything that
 * was readable before the repair reads the same after it. No byte below a write pointer appears that was not written:
 * the repair never drops a mapping below a write pointer, and moves a write pointer only where the mapping shows its
 * old place.
 *
 * <p>Repair can be interrupted at any point and run again. The image is marked as corrupt from the first change to the
 * last. A cluster is durably punched before it is marked as free.
 */
public final class ImageRepair {

    private final LoggedImage file;
    private final PartialImage image;
    private final int clusterBits;
    private final boolean all;
    /** Whether every reference to a host cluster could be read. Otherwise no cluster is known to be free. */
    private boolean complete;

    private ImageRepair(LoggedImage file, PartialImage image, RepairExtent extent) {
        this.file = file;
        this.image = image;
        this.clusterBits = image.header().clusterBits();
        this.all = extent == RepairExtent.ALL;
        this.complete = image.isComplete();
    }

    /**
     * Checks an image that no one else uses, repairs it and checks it again. Blocks for all three.
     *
     * @param log receives every change before it is made
     * @throws ImageFormatException if the file is not an image that can be checked
     */
    public static RepairResult repair(ImageFile file, RepairExtent extent, RepairLog log, CheckProgress progress)
            throws IOException {
        CheckResult before = ImageChecker.check(file, progress);
        PartialImage image = PartialImage.read(file, new Findings());
        if (image == null || before.status() == CheckResult.Status.CLEAN) {
            return new RepairResult(before, 0, 0);
        }
        Qcow2Header header = image.header();
        boolean wasMarked = header.has(FeatureBits.CORRUPT);
        LoggedImage logged = new LoggedImage(file, header, log);
        new ImageRepair(logged, image, extent).run();
        CheckResult after = new ImageChecker(file, progress).run(false);
        boolean staysMarked = wasMarked && after.corruptions() > 0;
        if (!staysMarked && (wasMarked || logged.isChanged())) {
            logged.unmark();
        }
        return new RepairResult(
                after,
                Math.max(0, before.corruptions() - after.corruptions() - (staysMarked ? 1 : 0)),
                Math.max(0, before.leaks() - after.leaks()));
    }

    private void run() throws IOException {
        ZonedExtension zoned = image.zoned();
        WritePointerTable pointers = image.pointers();
        ZoneExtents extents = zoned == null ? null : new ZoneExtents(image, zoned.geometry());
        ClusterBitmap used = repairMappings(extents);
        if (all) {
            markL2Tables();
            if (pointers != null && extents != null && complete) {
                repairPointers(pointers, extents);
            }
        }
        repairRefcounts(used);
        file.sync(Barrier.REPAIR_BEFORE_UNMARK);
    }

    /** Drops mappings past write pointers and marks owners. Returns the host clusters that remain in use. */
    private ClusterBitmap repairMappings(@Nullable ZoneExtents extents) throws IOException {
        ImageTables tables = image.tables();
        HostClaims claims = new HostClaims(clusterBits, tables.limitCluster(), sentence -> {});
        claims.claimed().addAll(tables.metadata());
        long[] offsets = tables.l2Offsets();
        int entries = image.tableEntries();
        MemorySegment repaired = MemorySegment.ofArray(new byte[image.header().clusterBytes()]);
        TableScanner.scan(file, offsets, offsets.length, image.header().clusterBytes(), (index, table, allZero) -> {
            if (allZero) {
                return;
            }
            for (int i = 0; i < entries; i++) {
                long entry = table.getAtIndex(BigEndian.LONG, i);
                long guestCluster = (long) index * entries + i;
                long kept = entry == 0 ? 0 : repairedEntry(entry, guestCluster, claims);
                repaired.setAtIndex(BigEndian.LONG, i, kept);
                if (kept != 0 && extents != null) {
                    extents.add(guestCluster);
                }
            }
            file.write(repaired, offsets[index]);
        });
        return claims.claimed();
    }

    private long repairedEntry(long entry, long guestCluster, HostClaims claims) throws ImageFormatException {
        boolean compressed = L2Entry.isCompressed(entry);
        boolean damaged = !compressed && L2Entry.isDamaged(entry, clusterBits);
        if (!compressed && image.isPastData(guestCluster) && (damaged || image.isDirty() || !L2Entry.isZero(entry))) {
            return 0;
        }
        if (compressed || damaged) {
            complete = false;
            return entry;
        }
        long hostCluster = L2Entry.hostCluster(entry, clusterBits);
        boolean owner = hostCluster != L2Entry.HOLE && claims.claimData(guestCluster, hostCluster);
        return owner && all ? entry | L2Entry.COPIED : entry;
    }

    private void markL2Tables() throws IOException {
        MemorySegment entry = MemorySegment.ofArray(new byte[Long.BYTES]);
        long[] offsets = image.tables().l2Offsets();
        for (int i = image.unmarkedL2Tables().nextSetBit(0);
                i >= 0;
                i = image.unmarkedL2Tables().nextSetBit(i + 1)) {
            entry.set(BigEndian.LONG, 0, offsets[i] | ClusterTable.L1.flags());
            file.write(entry, image.header().l1Offset() + (long) i * Long.BYTES);
        }
    }

    private void repairPointers(WritePointerTable pointers, ZoneExtents extents) throws IOException {
        image.unsoundZones().stream().forEach(zone -> {
            long pointer = extents.pointerOf(zone, pointers.get(zone));
            if (pointer != ZoneExtents.UNKNOWN) {
                pointers.set(zone, pointer);
            }
        });
        pointers.writeDirtyPages(file);
    }

    private void repairRefcounts(ClusterBitmap used) throws IOException {
        RefcountTable refcounts = image.tables().refcounts();
        long fileClusters = HostLayout.ceilShift(file.sizeBytes(), clusterBits);
        long[] offsets = refcounts.blockOffsets();
        MemorySegment repaired = MemorySegment.ofArray(new byte[refcounts.blockBytes()]);
        TableScanner.scan(file, offsets, offsets.length, refcounts.blockBytes(), (index, block, allZero) -> {
            long first = (long) index * refcounts.blockClusters();
            long end = first + refcounts.blockClusters();
            if (offsets[index] == 0 || (allZero && used.nextPresent(first, end) == end)) {
                return;
            }
            repaired.copyFrom(block);
            ClusterBitmap freed = new ClusterBitmap();
            for (int i = 0; i < refcounts.blockClusters(); i++) {
                long refcount = RefcountTable.decode(block, refcounts.order(), i);
                long right = repairedRefcount(refcount, used.contains(first + i));
                if (right != refcount) {
                    RefcountTable.encode(repaired, refcounts.order(), i, right);
                }
                if (right == 0 && refcount != 0 && first + i < fileClusters) {
                    freed.add(first + i);
                }
            }
            punch(freed, first, end);
            file.write(repaired, offsets[index]);
        });
    }

    private long repairedRefcount(long refcount, boolean isUsed) {
        if (isUsed && refcount == 0) {
            return all || image.isDirty() ? 1 : 0;
        }
        return complete ? (isUsed ? 1 : 0) : refcount;
    }

    /** Punches freed clusters, so that they read as zeros when they are allocated. */
    private void punch(ClusterBitmap freed, long first, long end) throws IOException {
        long start = freed.nextPresent(first, end);
        while (start < end) {
            long stop = freed.nextAbsent(start, end);
            file.punchHole(start << clusterBits, (stop - start) << clusterBits);
            start = freed.nextPresent(stop, end);
        }
        if (freed.size() > 0) {
            file.sync(Barrier.HOLES_BEFORE_REFCOUNTS);
        }
    }
}
