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
 * The work that the data path leaves to the metadata thread. It is the only class that both use: the data path requests
 * work, and the metadata thread takes it, does the I/O and reports the result.
 *
 * <p>The methods of the data path require the device's lock. The methods of the metadata thread take it.
 */
final class PendingWork {

    private final Object lock;
    private final RequestMapper mapper;
    private final ClusterAllocator allocator;
    private final UnflushedResets resets;
    private final ZoneChanges changes;
    private final Runnable wakeUp;

    @GuardedBy("lock")
    private final ArrayDeque<ActiveZone> mapWaiters = new ArrayDeque<>();

    @GuardedBy("lock")
    private final ArrayList<ActiveZone> spaceWaiters = new ArrayList<>();

    @GuardedBy("lock")
    private final RequestList flushWaiters = new RequestList();

    /** Zones whose write pointer or mapping differs from the disk. */
    @GuardedBy("lock")
    private final ArrayList<ActiveZone> dirtyZones = new ArrayList<>();

    /** Whether a write is not yet covered by a sync. */
    @GuardedBy("lock")
    private boolean unsynced;

    @GuardedBy("lock")
    private boolean flushing;

    /** Whether a sync has failed. No later sync can make the lost data durable. */
    @GuardedBy("lock")
    private boolean syncFailed;

    /** Whether the metadata thread has released clusters, which are free after a punch and a sync. */
    @GuardedBy("lock")
    private boolean freeing;

    /**
     * @param lock the device's lock
     * @param wakeUp called when there is work to take, possibly under the lock
     */
    PendingWork(
            Object lock,
            RequestMapper mapper,
            ClusterAllocator allocator,
            UnflushedResets resets,
            ZoneChanges changes,
            Runnable wakeUp) {
        this.lock = lock;
        this.mapper = mapper;
        this.allocator = allocator;
        this.resets = resets;
        this.changes = changes;
        this.wakeUp = wakeUp;
    }

    // ---- the data path ----

    /**
     * Requests that the zone's mapping is read, or written where the file is out of date. The zone's waiting requests
     * then restart.
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
     * Restarts the zone's waiting requests when released clusters become free.
     *
     * @return false if no cluster is about to become free
     */
    @SuppressWarnings("GuardedBy") // asserted
    boolean awaitSpace(ActiveZone zone) {
        assert Thread.holdsLock(lock);
        boolean becomesFree = freeing || mapper.hasReleased() || resets.forget();
        if (syncFailed || !becomesFree) {
            return false;
        }
        spaceWaiters.add(zone);
        wakeUp.run();
        return true;
    }

    /** Completes the request once everything acknowledged so far is durable. Returns false if it already is. */
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

    /** Queues a change of zones. When it ends, it completes its request or its future. */
    void add(ZoneChange change) {
        assert Thread.holdsLock(lock);
        changes.add(change);
        wakeUp.run();
    }

    /** Withdraws a change of conditions that has not begun: see {@link ZonedDevice#withdraw}. */
    boolean withdraw(CompletableFuture<?> change) {
        assert Thread.holdsLock(lock);
        boolean withdrawn = changes.withdraw(change);
        if (withdrawn) {
            wakeUp.run(); // other changes may have waited for its zones
        }
        return withdrawn;
    }

    /** Wakes the metadata thread, because a transfer has ended in a zone that a change waits for. Needs no lock. */
    void transferEnded() {
        wakeUp.run();
    }

    /** Marks a zone whose write pointer or mapping differs from the disk. */
    @SuppressWarnings("GuardedBy") // asserted
    void markDirty(ActiveZone zone) {
        assert Thread.holdsLock(lock);
        if (!zone.dirty) {
            zone.dirty = true;
            dirtyZones.add(zone);
        }
        unsynced = true;
    }

    /** Marks a zone whose mapping is out of date in the file. */
    void markDirtyIfStale(ActiveZone zone) {
        ZoneMap map = zone.map;
        if (map != null && map.isStale()) {
            markDirty(zone);
        }
    }

    /** Records that data has reached the image file without a sync. */
    @SuppressWarnings("GuardedBy") // asserted
    void dataWritten() {
        assert Thread.holdsLock(lock);
        unsynced = true;
    }

    // ---- the metadata thread: mappings ----

    /** Takes a zone whose mapping is to be read or written, or null if no zone waits. */
    @Nullable
    ActiveZone takeMap() {
        synchronized (lock) {
            return mapWaiters.poll();
        }
    }

    /**
     * Hands a zone the mapping that was read.
     *
     * @param hostClusters the host cluster of each of its clusters, or {@link ZoneMap#HOLE}
     * @param map the same as a map
     * @param hasRemains whether the file has data above the write pointer
     */
    void mapRead(ActiveZone zone, long[] hostClusters, ZoneMap map, boolean hasRemains) throws IOException {
        synchronized (lock) {
            mapper.adopt(zone, hostClusters, map);
            zone.hasRemains |= hasRemains;
            releaseAhead(zone);
        }
    }

    /** Releases the clusters that a sequential zone has above its write pointer. */
    void releaseAhead(ActiveZone zone) {
        synchronized (lock) {
            if (mapper.releaseAhead(zone)) {
                markDirty(zone);
            }
        }
    }

    /**
     * Restarts the zone's waiting requests, because its mapping is in memory and in the file. If {@code error} is not
     * 0, completes them with it instead.
     */
    void mapDone(ActiveZone zone, int error) {
        synchronized (lock) {
            assert zone.mapPending : "not taken: " + zone.zone.index();
            zone.mapPending = false;
            if (error == 0) {
                zone.resumeWaiting();
            } else {
                completeAll(zone.waiting, error);
            }
        }
    }

    /** Takes the entries of a zone's mapping that are out of date in the file. Returns false if there are none. */
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

    /** Marks the entries that were taken last as out of date again, because writing them failed. */
    void entriesFailed(ActiveZone zone, MapEntries taken) {
        synchronized (lock) {
            if (zone.map != null) {
                zone.map.markStale(taken.from, taken.to);
                markDirty(zone);
            }
        }
    }

    /**
     * Returns the offset in the image file at which the data of a zone ends within a cluster, or {@link ZoneMap#HOLE}
     * if no cluster continues there.
     */
    long tailOffsetBytes(ActiveZone zone) {
        synchronized (lock) {
            return mapper.tailOffsetBytes(zone);
        }
    }

    // ---- the metadata thread: flushes ----

    /**
     * Takes the requests that wait for a flush, and all zones that the flush must write. Returns false if no request
     * waits.
     */
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

    /** Takes all zones that the last flush must write. */
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

    /** Completes the requests of a flush, with -errno if it failed. Returns whether this has released clusters. */
    boolean flushDone(Flush flush, int error) {
        synchronized (lock) {
            assert flushing;
            flushing = false;
            boolean released = false;
            if (error == 0) {
                released = resets.forget(); // the metadata thread carried them out before the flush
            } else {
                unsynced = true;
                for (int i = 0; i < flush.size(); i++) {
                    markDirty(flush.zone(i));
                }
            }
            completeAll(flush.requests, error);
            return released;
        }
    }

    /** Records that a sync has failed. Every later one fails too. */
    void syncFailed() {
        synchronized (lock) {
            syncFailed = true;
        }
    }

    /**
     * Takes the next page of refcounts that is out of date in the file.
     *
     * @param from the first page to examine
     * @param target receives the page
     * @return the number of the page, or -1 if the file is up to date from there on
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

    /** Marks a page as out of date again, because writing it failed. */
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

    /** Restarts the waiting requests of these zones. */
    void resume(List<ActiveZone> zones) {
        synchronized (lock) {
            zones.forEach(ActiveZone::resumeWaiting);
        }
    }

    /** Takes the released clusters. They count as about to become free until {@link #free}. */
    RunList takeReleased() {
        synchronized (lock) {
            RunList released = mapper.takeReleased();
            freeing |= !released.isEmpty();
            return released;
        }
    }

    /** Releases these clusters again. */
    void releaseAgain(RunList clusters) {
        synchronized (lock) {
            clusters.forEach(mapper::release);
        }
    }

    /**
     * Frees clusters whose holes are durable. None of the clusters taken so far counts as about to become free after
     * this.
     */
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

    /** Applies the durable changes to the zones, and completes them. */
    void changesDone(List<ZoneChange> done) {
        synchronized (lock) {
            for (ZoneChange change : done) {
                assert change.hold() : "data moves in zones that a change has to itself";
                changes.apply(change);
                change.written.forEach(this::markDirty);
            }
            for (ZoneChange change : done) {
                if (change instanceof ZoneChange.Loss loss) {
                    completeAll(flushWaiters, loss.error); // a later flush cannot make lost data durable
                }
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
