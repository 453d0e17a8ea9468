package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ClusterAllocator;
import io.ublkzoned.engine.qcow2.FailedZones;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.WritePointerTable;
import io.ublkzoned.engine.zone.Zone;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The only class that orders the metadata writes of a device.
 *
 * <ul>
 *   <li>Flush: L2 entries and refcounts, sync (which also covers the data), write pointers, sync. A write pointer on
 *       disk is never ahead of the data. One flush serves all requests that wait for one.
 *   <li>Reset: the write pointer, sync. Only then does the reset complete and are the clusters released, or kept until the
 *       next flush if a power cut is expected.
 *   <li>A released cluster is punched, and allocated again only after the next sync: a free cluster is a hole.
 *   <li>The dirty bit is durable before anything else is written, and cleared after everything else is durable.
 * </ul>
 *
 * <p>It belongs to the metadata thread, and blocks on the image file.
 */
final class MetadataWriter {

    private final PendingWork work;
    private final Qcow2Image image;
    private final SyncGuard file;
    private final FailureLog failures;
    private final OverwriteJournal journal;
    private final ZoneMapIo maps;
    private final ReleasedSpace space;
    private final Generation generation;
    private final Flush flush = new Flush();
    private final MemorySegment refcountPage;
    private final Runnable mapWork;

    MetadataWriter(DeviceContext context, PendingWork work, ZoneMapIo maps, ReleasedSpace space) {
        this.work = work;
        this.maps = maps;
        this.space = space;
        image = context.image();
        file = context.file();
        failures = context.failures();
        journal = context.journal();
        generation = new Generation(image);
        mapWork = maps::run;
        refcountPage = Arena.ofAuto().allocate(image.allocator().pageBytes(), Long.BYTES);
    }

    /**
     * Marks the image as in use by the attach of this state. Unless this program closed the image, also makes holes of
     * all free clusters and writes the acknowledged write pointers.
     */
    void begin(DeviceState state) throws IOException {
        boolean freeClustersAreHoles = image.isClosedHere();
        generation.begin(state);
        if (!freeClustersAreHoles) {
            image.punchFree();
            file.sync(Barrier.RECOVERY_BEFORE_USE);
            if (image.writePointers().writeDirtyPages(file)) {
                file.sync(Barrier.POINTERS_BEFORE_TAKEN_OVER);
            }
        }
        generation.begun();
    }

    /** Returns whether the image has no data: see {@link Qcow2Image#hasNoData}. */
    boolean hasNoData() throws IOException {
        return image.hasNoData();
    }

    /** Carries out a requested flush, and frees requested space. Returns false if neither was requested. */
    boolean run() {
        boolean worked = runFlush();
        worked |= freeSpace();
        return worked;
    }

    /**
     * Writes everything, and marks the image as closed.
     *
     * @throws IOException if that failed, or if released clusters cannot be made holes; the next open then makes them
     *     holes
     */
    void end() throws IOException {
        boolean allFree = space.freeAll();
        work.takeLastFlush(flush);
        writeAll();
        if (!allFree) {
            sync(Barrier.POINTERS_BEFORE_FLUSHED);
            throw new IOException("released clusters cannot be made holes: they are freed at the next open");
        }
        image.markClosed();
    }

    private boolean runFlush() {
        if (!work.takeFlush(flush)) {
            return false;
        }
        journal.flushBegins();
        int error = 0;
        try {
            if (writeAll()) {
                sync(Barrier.POINTERS_BEFORE_FLUSHED);
            }
            generation.changesAreDurable();
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            error = failures.logAndGetErrno("flush", e);
        }
        journal.flushEnds(error == 0);
        if (work.flushDone(flush, error)) {
            space.punch();
        }
        return true;
    }

    private boolean freeSpace() {
        List<ActiveZone> zones = work.takeSpaceWaiters();
        if (zones.isEmpty()) {
            return false;
        }
        space.punch();
        try {
            sync(Barrier.HOLES_BEFORE_REUSE);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("freeing space", e);
        }
        work.resume(zones);
        return true;
    }

    /**
     * Makes the data and the mapping of the flush's zones durable, and then writes their write pointers.
     *
     * @return whether write pointers were written, which the next sync makes durable
     */
    private boolean writeAll() throws IOException {
        for (int i = 0; i < flush.size(); i++) {
            maps.write(flush.zone(i));
        }
        writeRefcounts();
        boolean changed = hasNewPointers();
        if (!changed) {
            generation.countChange(); // because no other sync follows
        }
        sync(Barrier.DATA_BEFORE_POINTERS);
        if (changed) {
            WritePointerTable table = image.writePointers();
            for (int i = 0; i < flush.size(); i++) {
                if (isNewPointer(i)) {
                    table.set(flush.zone(i).zone.index(), flush.writePointerBytes(i));
                }
            }
            table.writeDirtyPages(file);
            generation.countChange();
        }
        return changed;
    }

    private boolean hasNewPointers() {
        boolean changed = image.writePointers().isDirty();
        for (int i = 0; i < flush.size(); i++) {
            changed |= isNewPointer(i);
        }
        return changed;
    }

    private boolean isNewPointer(int index) {
        Zone zone = flush.zone(index).zone;
        return !zone.isConventional() && image.writePointers().get(zone.index()) != flush.writePointerBytes(index);
    }

    private void writeRefcounts() throws IOException {
        ClusterAllocator allocator = image.allocator();
        int page = work.takeRefcounts(0, refcountPage);
        while (page >= 0) {
            try {
                file.write(refcountPage, allocator.pageOffsetBytes(page));
            } catch (IOException | RuntimeException | VirtualMachineError e) {
                work.refcountsFailed(page);
                throw e;
            }
            page = work.takeRefcounts(page + 1, refcountPage);
        }
    }

    /**
     * Makes the write pointers of these zones durable at the start of their zones.
     *
     * @return 0, or -errno; on failure the write pointers in memory are unchanged
     */
    int storeEmpty(List<ActiveZone> zones) {
        if (zones.isEmpty()) {
            return 0;
        }
        WritePointerTable table = image.writePointers();
        long[] before = new long[zones.size()];
        for (int i = 0; i < before.length; i++) {
            before[i] = table.get(zones.get(i).zone.index());
            table.set(zones.get(i).zone.index(), zones.get(i).zone.startBytes());
        }
        try {
            if (table.writeDirtyPages(file)) {
                generation.countChange();
                sync(Barrier.RESET_BEFORE_RELEASE);
                generation.changesAreDurable();
            }
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            for (int i = 0; i < before.length; i++) {
                table.set(zones.get(i).zone.index(), before[i]);
            }
            return failures.logAndGetErrno("reset", e);
        }
    }

    /**
     * Brings back the old blocks of conventional zones, and reads the write pointers to which the sequential ones go back.
     */
    void loseUnflushed(ZoneChange.Loss loss) throws IOException {
        loss.storedPointers = storedPointers(loss.zones);
        if (loss.withConventional) {
            journal.restore(new PowerCut(0, Keep.NONE), file);
        }
    }

    /** Returns the write pointers in the file, in the order of the zones. */
    long[] storedPointers(List<ActiveZone> zones) {
        return zones.stream()
                .mapToLong(active -> image.writePointers().get(active.zone.index()))
                .toArray();
    }

    /** Counts a change of a mapping that is in the file. Returns 0 or -errno. */
    int countChange() {
        try {
            generation.countChange();
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("counting a change", e);
        }
    }

    /** Makes the read-only and offline zones durable. If this throws, the previous ones remain. */
    void storeFailed(FailedZones failed) throws IOException {
        FailedZones before = image.failedZones();
        try {
            image.writeFailedZones(failed);
            generation.countChange();
            sync(Barrier.FAILED_ZONES_BEFORE_DONE);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            restoreFailedZones(before);
            throw e;
        }
        generation.changesAreDurable();
    }

    /** Writes the previous failed zones back; otherwise a failed change would take effect at the next attach. */
    private void restoreFailedZones(FailedZones before) {
        try {
            image.writeFailedZones(before);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("undoing a change of conditions", e); // closing the image tries again
        }
    }

    /** Returns the read-only and offline zones in the file. */
    FailedZones failedZones() {
        return image.failedZones();
    }

    /**
     * Fills the cluster at the write pointer with zeros, from the write pointer to its end.
     *
     * @return 0 or -errno
     */
    int clearTail(ActiveZone zone) {
        long tail = work.tailOffsetBytes(zone);
        if (tail == HOLE) {
            return 0;
        }
        try {
            long clusterBytes = 1L << image.clusterBits();
            file.punchHole(tail, clusterBytes - (tail & (clusterBytes - 1)));
            return 0;
        } catch (IOException e) {
            return failures.logAndGetErrno("finish", e);
        }
    }

    /** Syncs the file. Meanwhile, reads and writes mappings, so that requests that need one do not wait for the disk. */
    private void sync(Barrier barrier) throws IOException {
        try {
            file.sync(barrier, mapWork);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            work.syncFailed();
            throw e;
        }
        space.freePunched();
    }
}
