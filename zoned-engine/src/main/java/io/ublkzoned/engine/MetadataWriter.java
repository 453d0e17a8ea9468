package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.qcow2.ClusterAllocator;
import io.ublkzoned.engine.qcow2.FailedZones;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.WritePointerTable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Orders all metadata writes of a device: the only class that does.
 *
 * <ul>
 *   <li>Flush: L2 entries and refcounts, sync (which covers the data too), write pointers, sync. A write pointer on disk
 *       never leads the data. One flush serves all who wait for one.
 *   <li>Reset: the write pointer, sync, and only then is the reset done and are the clusters given up.
 *   <li>A given-up cluster is punched, and handed out again only after the next sync: a free cluster is a hole.
 *   <li>The dirty bit is durable before anything else is written and cleared after everything else is durable.
 * </ul>
 *
 * <p>The methods that queue work are called under the device's lock. {@link #run} is called without it by one thread,
 * takes it for short moments, and blocks on the image file.
 */
final class MetadataWriter {

    private final DeviceZones zones;
    private final Object lock;
    private final Qcow2Image image;
    private final SyncGuard file;
    private final FailureLog failures;
    private final ClusterAllocator allocator;
    private final ReleasedSpace space;
    private final ZoneMapIo maps;
    private final Runnable wakeUp;

    // What waits, under the lock.
    private final ArrayList<ZoneTraffic> spaceWanted = new ArrayList<>();
    private final RequestList flushWaiters = new RequestList();
    private ArrayList<ZoneTraffic> dirtyZones = new ArrayList<>();
    private ArrayList<ZoneTraffic> takenZones = new ArrayList<>();
    private boolean unsynced;
    private boolean flushing;

    // Of the metadata thread, which allocates nothing for a flush.
    private final Generation generation;
    private final RequestList flushed = new RequestList();
    private final MemorySegment refcountPage;
    private long[] pointers = {};

    MetadataWriter(
            DeviceContext context, DeviceZones zones, RequestMapper mapper, ReleasedSpace space, Runnable wakeUp) {
        this.zones = zones;
        lock = context.lock();
        image = context.image();
        file = context.file();
        failures = context.failures();
        allocator = image.allocator();
        generation = new Generation(image);
        this.space = space;
        this.wakeUp = wakeUp;
        maps = new ZoneMapIo(context, mapper, space, this);
        refcountPage = Arena.ofAuto().allocate(allocator.pageBytes(), Long.BYTES);
    }

    /** The mappings of the zones, which a flush writes first. */
    ZoneMapIo maps() {
        return maps;
    }

    // ---- called under the lock ----

    /** The zone's write pointer or mapping is no longer as the disk has it. */
    void markDirty(ZoneTraffic zone) {
        if (!zone.dirty) {
            zone.dirty = true;
            dirtyZones.add(zone);
        }
        unsynced = true;
    }

    /** Data has reached the image file that no sync covers yet. */
    void dataWritten() {
        unsynced = true;
    }

    /** Completes the request once everything acknowledged so far is durable; false if it is already. */
    boolean flush(BlockRequest request) {
        if (!unsynced && !flushing && !file.hasFailed()) {
            return false;
        }
        flushThenComplete(request);
        return true;
    }

    void flushThenComplete(BlockRequest request) {
        flushWaiters.add(request);
        wakeUp();
    }

    /** Lets the zone's waiting requests start again when given-up clusters are free; false if there are none. */
    boolean awaitSpace(ZoneTraffic zone) {
        if (!space.isPending() || file.hasFailed()) {
            return false;
        }
        spaceWanted.add(zone);
        wakeUp();
        return true;
    }

    void wakeUp() {
        wakeUp.run();
    }

    // ---- the metadata thread ----

    /**
     * Marks the image as in use by the attach of this state. Unless this program closed the image, it also makes true that
     * free clusters are holes.
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

    /** Does the flush that is waited for, and finds the space that is wanted; false if there was nothing to do. */
    boolean run() {
        boolean worked = flushOnce();
        worked |= freeSpace();
        return worked;
    }

    /**
     * Gives up what was allocated ahead, writes everything, and marks the image as closed.
     *
     * @throws IOException if that failed, or if given-up clusters cannot be made holes, which the next open does then
     */
    void end() throws IOException {
        synchronized (lock) {
            for (int i = 0; i < zones.count(); i++) {
                ZoneTraffic zone = zones.touched(i);
                if (zone != null) {
                    maps.releaseAhead(zone);
                }
            }
        }
        boolean allFree = space.freeAll();
        writeAll(takeDirtyZones());
        if (!allFree) {
            sync(Barrier.POINTERS_BEFORE_FLUSHED);
            throw new IOException(
                    "space that was given up cannot be made a hole: its clusters are freed at the next open");
        }
        image.markClosed();
    }

    private boolean flushOnce() {
        List<ZoneTraffic> dirty;
        synchronized (lock) {
            if (flushWaiters.isEmpty()) {
                return false;
            }
            flushed.addAll(flushWaiters);
            flushing = true;
            unsynced = false;
            dirty = takeDirtyZones();
        }
        int error = 0;
        try {
            if (writeAll(dirty)) {
                sync(Barrier.POINTERS_BEFORE_FLUSHED);
            }
            generation.changesAreDurable();
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            error = failures.logAndGetErrno("flush", e);
        }
        synchronized (lock) {
            flushing = false;
            if (error != 0) {
                unsynced = true;
                dirty.forEach(this::markDirty);
            }
            completeAll(flushed, error);
        }
        return true;
    }

    private boolean freeSpace() {
        List<ZoneTraffic> zones;
        synchronized (lock) {
            if (spaceWanted.isEmpty()) {
                return false;
            }
            zones = List.copyOf(spaceWanted);
            spaceWanted.clear();
        }
        space.punch();
        try {
            sync(Barrier.HOLES_BEFORE_REUSE);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("freeing space", e);
        }
        synchronized (lock) {
            zones.forEach(ZoneTraffic::resumeWaiting);
        }
        return true;
    }

    /** They are the caller's until the next call. */
    private List<ZoneTraffic> takeDirtyZones() {
        ArrayList<ZoneTraffic> dirty = dirtyZones;
        dirtyZones = takenZones;
        dirtyZones.clear();
        takenZones = dirty;
        for (int i = 0; i < dirty.size(); i++) {
            dirty.get(i).dirty = false;
        }
        return dirty;
    }

    /**
     * Makes the data and the mapping of these zones durable, and then writes their write pointers.
     *
     * @return whether there were write pointers to write, which the next sync makes durable
     */
    private boolean writeAll(List<ZoneTraffic> dirty) throws IOException {
        if (pointers.length < dirty.size()) {
            pointers = new long[2 * dirty.size()];
        }
        for (int i = 0; i < dirty.size(); i++) {
            synchronized (lock) {
                pointers[i] = dirty.get(i).completedBytes;
            }
            maps.write(dirty.get(i));
        }
        writeRefcounts();
        boolean changed = hasNewPointers(dirty);
        if (!changed) {
            generation.countChange(); // since no other sync comes
        }
        sync(Barrier.DATA_BEFORE_POINTERS);
        if (changed) {
            WritePointerTable table = image.writePointers();
            for (int i = 0; i < dirty.size(); i++) {
                if (isNewPointer(dirty.get(i), pointers[i])) {
                    table.set(dirty.get(i).zone.index(), pointers[i]);
                }
            }
            table.writeDirtyPages(file);
            generation.countChange();
        }
        return changed;
    }

    private boolean hasNewPointers(List<ZoneTraffic> dirty) {
        boolean changed = image.writePointers().isDirty();
        for (int i = 0; i < dirty.size(); i++) {
            changed |= isNewPointer(dirty.get(i), pointers[i]);
        }
        return changed;
    }

    private boolean isNewPointer(ZoneTraffic zone, long pointer) {
        return !zone.zone.isConventional() && image.writePointers().get(zone.zone.index()) != pointer;
    }

    private void writeRefcounts() throws IOException {
        int page = -1;
        while (true) {
            long offset;
            synchronized (lock) {
                page = allocator.nextDirtyPage(page + 1);
                if (page < 0) {
                    return;
                }
                offset = allocator.takeDirtyPage(page, refcountPage);
            }
            try {
                file.write(refcountPage, offset);
            } catch (IOException | RuntimeException | VirtualMachineError e) {
                synchronized (lock) {
                    allocator.dirtyAgain(page);
                }
                throw e;
            }
        }
    }

    /**
     * Makes the write pointers of these zones durable at the start of their zones.
     *
     * @return 0, or -errno: then they are in memory as they were
     */
    int storeEmpty(List<ZoneTraffic> zones) {
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

    /** Counts a finish whose mapping is in the file; 0 or -errno. */
    int countFinish() {
        try {
            generation.countChange();
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("finish", e);
        }
    }

    /** Makes durable which zones are read-only or offline. If this throws, they are those of before. */
    void storeFailed(FailedZones failed) throws IOException {
        FailedZones before = image.failedZones();
        try {
            image.writeFailedZones(failed);
            generation.countChange();
            sync(Barrier.FAILED_ZONES_BEFORE_DONE);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            takeBack(before);
            throw e;
        }
        generation.changesAreDurable();
    }

    /** Otherwise a change that has failed would take effect at the next attach. */
    private void takeBack(FailedZones before) {
        try {
            image.writeFailedZones(before);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("taking back a change of conditions", e); // close tries again
        }
    }

    /** Which zones are read-only or offline, in the file. */
    FailedZones failedZones() {
        return image.failedZones();
    }

    /**
     * Makes zeros of the part above the write pointer of the cluster that it stands in.
     *
     * @return 0 or -errno
     */
    int clearTail(ZoneTraffic zone) {
        int shift = image.clusterBits();
        long inCluster = zone.completedBytes & ((1L << shift) - 1);
        long host = HOLE;
        synchronized (lock) {
            if (zone.map != null && inCluster != 0) {
                host = zone.map.find((int) ((zone.completedBytes - zone.zone.startBytes()) >>> shift));
            }
        }
        if (host == HOLE) {
            return 0;
        }
        try {
            file.punchHole((host << shift) + inCluster, (1L << shift) - inCluster);
            return 0;
        } catch (IOException e) {
            return failures.logAndGetErrno("finish", e);
        }
    }

    private void sync(Barrier barrier) throws IOException {
        file.sync(barrier);
        space.freePunched();
    }

    static void completeAll(RequestList requests, int error) {
        for (BlockRequest r = requests.poll(); r != null; r = requests.poll()) {
            complete(r, error != 0 ? error : r.lengthBytes());
        }
    }

    static void complete(BlockRequest request, int result) {
        request.result = result;
        request.step = BlockRequest.Step.COMPLETE;
        request.queue().handOver(request);
    }
}
