package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What needs zones to itself: resets and finishes, and changes of the conditions that no request brings about.
 *
 * <p>A change holds its zones, so that new requests wait, and is done when no data moves in them any more. {@link #add}
 * is called under the device's lock, {@link #run} without it on the metadata thread.
 */
final class ZoneChanges {

    private abstract static sealed class Change {
        final List<ZoneTraffic> zones;
        boolean holding;

        Change(List<ZoneTraffic> zones) {
            this.zones = zones;
        }

        /** The zones are as they are to be, or the change has failed. */
        abstract void complete();
    }

    private static final class RequestedChange extends Change {
        final BlockRequest request;

        /** The zones that can be reset, of a reset. */
        final List<ZoneTraffic> resettable = new ArrayList<>();

        int result;

        RequestedChange(BlockRequest request, List<ZoneTraffic> zones) {
            super(zones);
            this.request = request;
        }

        boolean isFinish() {
            return request.op() == BlockOp.ZONE_FINISH;
        }

        /** Whether zones that cannot be reset are left as they are, and the others are reset all the same. */
        boolean skipsFailedZones() {
            return request.op() == BlockOp.ZONE_RESET_ALL;
        }

        /** Keeps the first failure. */
        void fail(int error) {
            result = result == 0 ? error : result;
        }

        @Override
        void complete() {
            MetadataWriter.complete(request, result);
        }
    }

    private static final class ConditionChange extends Change {
        final @Nullable ZoneCondition condition;
        final CompletableFuture<@Nullable Void> done = new CompletableFuture<>();

        @Nullable
        IOException failure;

        ConditionChange(List<ZoneTraffic> zones, @Nullable ZoneCondition condition) {
            super(zones);
            this.condition = condition;
        }

        @Override
        void complete() {
            if (failure == null) {
                done.complete(null);
            } else {
                done.completeExceptionally(failure);
            }
        }
    }

    private final DeviceZones zones;
    private final Object lock;
    private final ZoneStateMachine rules;
    private final MetadataWriter metadata;
    private final ZoneMapIo maps;
    private final ReleasedSpace space;
    private final FailureLog failures;
    private final List<Change> waiting = new ArrayList<>();

    ZoneChanges(
            DeviceContext context,
            DeviceZones zones,
            ZoneStateMachine rules,
            MetadataWriter metadata,
            ReleasedSpace space) {
        this.zones = zones;
        lock = context.lock();
        failures = context.failures();
        this.rules = rules;
        this.metadata = metadata;
        this.maps = metadata.maps();
        this.space = space;
    }

    /** Queues a reset or finish of these zones. */
    void add(BlockRequest request, List<ZoneTraffic> zones) {
        waiting.add(new RequestedChange(request, zones));
        metadata.wakeUp();
    }

    /** Queues that zones in a row become read-only or offline, or with null as their write pointers say. */
    CompletableFuture<@Nullable Void> add(List<ZoneTraffic> zones, @Nullable ZoneCondition condition) {
        ConditionChange change = new ConditionChange(zones, condition);
        waiting.add(change);
        metadata.wakeUp();
        return change.done;
    }

    /**
     * Takes back a change of conditions that has not begun.
     *
     * @param change what {@link #add(List, ZoneCondition)} returned
     * @return false if it has begun or is done
     */
    @SuppressWarnings("ReferenceEquality") // this very change
    boolean withdraw(CompletableFuture<?> change) {
        for (Change each : waiting) {
            if (each instanceof ConditionChange condition && condition.done == change) {
                waiting.remove(each);
                if (each.holding) {
                    release(each);
                    metadata.wakeUp(); // others may have waited for these zones
                }
                return true;
            }
        }
        return false;
    }

    /** Does all changes whose zones are idle, resets with one sync for all; false if there was none. */
    boolean run() {
        List<Change> ready;
        synchronized (lock) {
            if (waiting.isEmpty()) {
                return false;
            }
            ready = new ArrayList<>();
            waiting.removeIf(change -> hold(change) && ready.add(change));
        }
        if (ready.isEmpty()) {
            return false;
        }
        List<RequestedChange> resets = new ArrayList<>();
        for (Change change : ready) {
            switch (change) {
                case RequestedChange requested -> {
                    if (requested.isFinish()) {
                        requested.result = attempt("finish", () -> finish(requested.zones.getFirst()));
                    } else {
                        resets.add(requested);
                    }
                }
                case ConditionChange wear -> changeConditions(wear);
            }
        }
        int bug = attempt("reset", () -> reset(resets));
        resets.forEach(change -> change.fail(bug));
        synchronized (lock) {
            for (Change change : ready) {
                release(change);
                change.complete();
            }
        }
        space.punch();
        return true;
    }

    /** Gives what the work gives, or -errno if it throws: whoever waits for the zones goes on. */
    private int attempt(String what, IntSupplier work) {
        try {
            return work.getAsInt();
        } catch (RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno(what, e);
        }
    }

    private static void release(Change change) {
        for (ZoneTraffic zone : change.zones) {
            zone.held = false;
            zone.resumeWaiting();
        }
    }

    /** Keeps new requests out of the zones; true once all are idle, false if it has to be tried again. */
    private static boolean hold(Change change) {
        if (!change.holding) {
            if (change.zones.stream().anyMatch(zone -> zone.held)) {
                return false;
            }
            change.zones.forEach(zone -> zone.held = true);
            change.holding = true;
        }
        return change.zones.stream().allMatch(ZoneTraffic::isIdle);
    }

    /** Resets the zones of all these requests with one sync. Each request gets its own result. */
    private int reset(List<RequestedChange> resets) {
        for (RequestedChange reset : resets) {
            reset.zones.forEach(zone -> prepareReset(reset, zone));
        }
        int error = metadata.storeEmpty(
                resets.stream().flatMap(reset -> reset.resettable.stream()).toList());
        synchronized (lock) {
            for (RequestedChange reset : resets) {
                reset.fail(error);
                for (ZoneTraffic zone : reset.resettable) {
                    metadata.markDirty(zone);
                    if (error == 0) {
                        zone.completedBytes = zone.zone.startBytes();
                        zone.lastWriteBytes = 0;
                        zone.hasRemains = false;
                        zones.forgetAppends(zone.zone);
                        rules.reset(zone.zone);
                        maps.releaseAhead(zone);
                    }
                }
            }
        }
        return 0;
    }

    /** The zone may have become read-only or offline while the reset waited. */
    private void prepareReset(RequestedChange reset, ZoneTraffic zone) {
        int refusal;
        synchronized (lock) {
            refusal = rules.checkReset(zone.zone);
        }
        if (refusal != 0 && reset.skipsFailedZones()) {
            return;
        }
        int error = refusal == 0 ? maps.load(zone) : refusal;
        if (error == 0) {
            reset.resettable.add(zone);
        } else {
            reset.fail(error);
        }
    }

    private void changeConditions(ConditionChange change) {
        List<Zone> changed = change.zones.stream().map(traffic -> traffic.zone).toList();
        try {
            synchronized (lock) {
                if (change.condition == null && rules.beginRecovery(changed) != 0) {
                    throw new IOException(
                            "more zones would be active than the device may have: reset or finish others");
                }
            }
            int first = changed.getFirst().index();
            metadata.storeFailed(metadata.failedZones().with(first, changed.size(), change.condition));
            synchronized (lock) {
                rules.endRecovery();
                for (Zone zone : changed) {
                    if (change.condition != null) {
                        rules.fail(zone, change.condition);
                    } else if (zone.condition().isFailed()) {
                        rules.recover(zone);
                    }
                }
            }
        } catch (IOException e) {
            change.failure = e;
        } catch (RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("changing the condition of zones", e);
            change.failure = new IOException("the change failed by a bug: the server's log has its place", e);
        } finally {
            synchronized (lock) {
                rules.endRecovery();
            }
        }
    }

    /**
     * What failed writes may have left above the write pointer must not show in a FULL zone. Its clusters there are
     * given up in the file too before it becomes FULL, since recovery does not look for them afterwards.
     */
    private int finish(ZoneTraffic zone) {
        int error;
        synchronized (lock) {
            error = rules.checkFinish(zone.zone);
        }
        if (error == 0) {
            error = maps.load(zone);
        }
        if (error == 0) {
            error = metadata.clearTail(zone);
        }
        if (error == 0) {
            synchronized (lock) {
                maps.releaseAhead(zone);
            }
            error = maps.store(zone);
        }
        if (error == 0) {
            error = metadata.countFinish();
        }
        synchronized (lock) {
            if (error == 0 && zone.zone.condition() != ZoneCondition.FULL) {
                error = rules.finish(zone.zone);
                if (error == 0) {
                    zone.completedBytes = zone.zone.endBytes();
                    zone.lastWriteBytes = 0;
                    zones.publish(zone.zone);
                    metadata.markDirty(zone);
                }
            }
        }
        return error;
    }
}
