package io.ublkzoned.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.engine.qcow2.ClusterAllocator;
import io.ublkzoned.engine.qcow2.ZoneMap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The work that the data path leaves to the metadata thread. The only class that both use: the data path asks for work,
 * the metadata thread takes it, does the I/O, and reports how it ended.
 *
 * <p>The methods of the data path require the device's lock. The methods of the metadata thread take it.
 */
final class PendingWork {

    private final Object lock;
    private final RequestMapper mapper;
    private final ClusterAllocator allocator;
    private final ZoneChanges changes;
    private final Runnable wakeUp;

    @GuardedBy("lock")
    private final ArrayDeque<ActiveZone> mapWaiters = new ArrayDeque<>();

    @GuardedBy("lock")
    private final ArrayList<ActiveZone> spaceWaiters = new ArrayList<>();

    @GuardedBy("lock")
    private final RequestList flushWaiters = new RequestList();

    /** Zones whose write pointer or mapping is no longer as the disk has it. */
    @GuardedBy("lock")
    private final ArrayList<ActiveZone> dirtyZones = new ArrayList<>();

    /** Something has been written that no sync covers yet. */
    @GuardedBy("lock")
    private boolean unsynced;

    @GuardedBy("lock")
    private boolean flushing;

    /** No later sync can make durable what the failed one lost. */
    @GuardedBy("lock")
    private boolean syncFailed;

    /** The metadata thread has clusters that are free after a punch and a sync. */
    @GuardedBy("lock")
    private boolean freeing;

    /**
     * @param lock the device's lock
     * @param wakeUp called when there is something to take, possibly under the lock
     */
    PendingWork(Object lock, RequestMapper mapper, ClusterAllocator allocator, ZoneChanges changes, Runnable wakeUp) {
        this.lock = lock;
        this.mapper = mapper;
        this.allocator = allocator;
        this.changes = changes;
        this.wakeUp = wakeUp;
    }

    // ---- the data path ----

    /**
     * Has the zone's mapping read, or written where the file does not have it. Then the zone's waiting requests start
     * again.
     */
    @SuppressWarnings("GuardedBy") // asserted
    void awaitMap(ActiveZone zone) {
        assert Thread.holdsLock(lock);
        if (!zone.mapPending) {
            zone.mapPending = true;
            mapWaiters.add(zone);
            wakeUp.run();
        }
    }

    /**
     * Lets the zone's waiting requests start again when given-up clusters are free.
     *
     * @return false if no cluster is on its way to be free
     */
    @SuppressWarnings("GuardedBy") // asserted
    boolean awaitSpace(ActiveZone zone) {
        assert Thread.holdsLock(lock);
        if (syncFailed || !(freeing || mapper.hasReleased())) {
            return false;
        }
        spaceWaiters.add(zone);
        wakeUp.run();
        return true;
    }

    /** Completes the request once everything acknowledged so far is durable. Returns false if it is already. */
    @SuppressWarnings("GuardedBy") // asserted
    boolean awaitFlush(BlockRequest request) {
        assert Thread.holdsLock(lock);
        if (!unsynced && !flushing && !syncFailed) {
            return false;
        }
        flushThenComplete(request);
        return true;
    }

    /** Completes the request after a flush. */
    @SuppressWarnings("GuardedBy") // asserted
    void flushThenComplete(BlockRequest request) {
        assert Thread.holdsLock(lock);
        flushWaiters.add(request);
        wakeUp.run();
    }

    /** Queues a change of zones. It completes its request, or its future, when it has ended. */
    void add(ZoneChange change) {
        assert Thread.holdsLock(lock);
        changes.add(change);
        wakeUp.run();
    }

    /** Takes back a change of conditions that has not begun, see {@link ZonedDevice#withdraw}. */
    boolean withdraw(CompletableFuture<?> change) {
        assert Thread.holdsLock(lock);
        boolean withdrawn = changes.withdraw(change);
        if (withdrawn) {
            wakeUp.run(); // others may have waited for its zones
        }
        return withdrawn;
    }

    /** No more data moves in a zone that a change waits for. */
    void zoneIsIdle() {
        wakeUp.run();
    }

    /** The zone's write pointer or mapping is no longer as the disk has it. */
    @SuppressWarnings("GuardedBy") // asserted
    void markDirty(ActiveZone zone) {
        assert Thread.holdsLock(lock);
        if (!zone.dirty) {
            zone.dirty = true;
            dirtyZones.add(zone);
        }
        unsynced = true;
    }

    /** Data has reached the image file that no sync covers yet. */
    @SuppressWarnings("GuardedBy") // asserted
    void dataWritten() {
        assert Thread.holdsLock(lock);
        unsynced = true;
    }

    // ---- the metadata thread: mappings ----

    /** Takes a zone whose mapping is to be read or written, null if no zone waits. */
    @Nullable
    ActiveZone takeMap() {
        synchronized (lock) {
            return mapWaiters.poll();
        }
    }

    /**
     * Gives a zone the mapping that was read.
     *
     * @param hostClusters the host cluster of each of its clusters, or {@link ZoneMap#HOLE}
     * @param hasRemains whether the file has data above the write pointer
     */
    void mapRead(ActiveZone zone, long[] hostClusters, boolean hasRemains) throws IOException {
        synchronized (lock) {
            mapper.adopt(zone, hostClusters);
            zone.hasRemains |= hasRemains;
            releaseAhead(zone);
        }
    }

    /** Gives up the clusters that a sequential zone has above its write pointer. */
    void releaseAhead(ActiveZone zone) {
        synchronized (lock) {
            if (mapper.releaseAhead(zone)) {
                markDirty(zone);
            }
        }
    }

    /** The mapping of a zone is in memory and in the file, or that has failed with an errno other than 0. */
    void mapDone(ActiveZone zone, int error) {
        synchronized (lock) {
            zone.mapPending = false;
            if (error == 0) {
                zone.resumeWaiting();
            } else {
                completeAll(zone.waiting, error);
            }
        }
    }

    /** Takes the entries of a zone's mapping that the file does not have. Returns false if it has all of them. */
    boolean takeEntries(ActiveZone zone, MapEntries target) {
        synchronized (lock) {
            ZoneMap map = zone.map;
            if (map == null || !map.isStale()) {
                return false;
            }
            target.from = map.staleFrom();
            target.to = map.staleEnd();
            map.entries(target.from, target.to, target.hostClusters);
            map.markWritten();
            return true;
        }
    }

    /** The entries that were taken last could not be written. */
    void entriesFailed(ActiveZone zone, MapEntries taken) {
        synchronized (lock) {
            if (zone.map != null) {
                zone.map.markStale(taken.from, taken.to);
                markDirty(zone);
            }
        }
    }

    /** Returns where the data of a zone ends in the image file, or {@link ZoneMap#HOLE} if no cluster goes on there. */
    long tailOffsetBytes(ActiveZone zone) {
        synchronized (lock) {
            return mapper.tailOffsetBytes(zone);
        }
    }

    // ---- the metadata thread: flushes ----

    /** Takes the requests that wait for a flush, and all zones that one has to write. Returns false if none waits. */
    boolean takeFlush(Flush flush) {
        synchronized (lock) {
            if (flushWaiters.isEmpty()) {
                return false;
            }
            flush.requests.addAll(flushWaiters);
            flushing = true;
            takeDirtyZones(flush);
            return true;
        }
    }

    /** Takes all zones that the last flush has to write. */
    void takeLastFlush(Flush flush) {
        synchronized (lock) {
            takeDirtyZones(flush);
        }
    }

    @GuardedBy("lock")
    private void takeDirtyZones(Flush flush) {
        unsynced = false;
        flush.clear();
        for (int i = 0; i < dirtyZones.size(); i++) {
            ActiveZone zone = dirtyZones.get(i);
            zone.dirty = false;
            flush.add(zone, zone.completedBytes);
        }
        dirtyZones.clear();
    }

    /** Completes the requests of a flush, with -errno if it has failed. */
    void flushDone(Flush flush, int error) {
        synchronized (lock) {
            flushing = false;
            if (error != 0) {
                unsynced = true;
                for (int i = 0; i < flush.size(); i++) {
                    markDirty(flush.zone(i));
                }
            }
            completeAll(flush.requests, error);
        }
    }

    /** A sync has failed: so will every later one. */
    void syncFailed() {
        synchronized (lock) {
            syncFailed = true;
        }
    }

    /**
     * Takes the next page of refcounts that the file does not have.
     *
     * @param from the first page to look at
     * @param target receives the page
     * @return the number of the page, -1 if the file has all from there on
     */
    int takeRefcounts(int from, MemorySegment target) {
        synchronized (lock) {
            int page = allocator.nextDirtyPage(from);
            if (page >= 0) {
                allocator.takeDirtyPage(page, target);
            }
            return page;
        }
    }

    /** The page could not be written. */
    void refcountsFailed(int page) {
        synchronized (lock) {
            allocator.dirtyAgain(page);
        }
    }

    // ---- the metadata thread: space ----

    /** Takes the zones whose requests wait for free clusters. */
    List<ActiveZone> takeSpaceWaiters() {
        synchronized (lock) {
            List<ActiveZone> zones = List.copyOf(spaceWaiters);
            spaceWaiters.clear();
            return zones;
        }
    }

    /** Starts the waiting requests of these zones again. */
    void resume(List<ActiveZone> zones) {
        synchronized (lock) {
            zones.forEach(ActiveZone::resumeWaiting);
        }
    }

    /** Takes the clusters that were given up. Until {@link #free} they count as on their way to be free. */
    RunList takeReleased() {
        synchronized (lock) {
            RunList released = mapper.takeReleased();
            freeing |= !released.isEmpty();
            return released;
        }
    }

    /** Gives up these clusters once more. */
    void releaseAgain(RunList clusters) {
        synchronized (lock) {
            clusters.forEach(mapper::release);
        }
    }

    /** Frees clusters whose holes are durable. Of those that were taken none is on its way to be free any more. */
    void free(RunList clusters) {
        synchronized (lock) {
            clusters.forEach(allocator::free);
            freeing = false;
        }
    }

    // ---- the metadata thread: changes of zones ----

    /** Takes the changes whose zones are idle. They belong to the metadata thread until {@link #changesDone}. */
    List<ZoneChange> takeChanges() {
        synchronized (lock) {
            return changes.start();
        }
    }

    /** Applies what the changes have made durable, and completes them. */
    void changesDone(List<ZoneChange> done) {
        synchronized (lock) {
            for (ZoneChange change : done) {
                changes.apply(change);
                change.written.forEach(this::markDirty);
            }
            for (ZoneChange change : done) {
                change.release();
                change.complete();
            }
        }
    }

    private static void completeAll(RequestList requests, int error) {
        for (BlockRequest r = requests.poll(); r != null; r = requests.poll()) {
            r.complete(error != 0 ? error : r.lengthBytes());
        }
    }
}
