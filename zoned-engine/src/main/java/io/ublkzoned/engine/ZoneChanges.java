package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The queue of the changes that need zones to themselves, and their effect on the state of the zones. Each change is
 * checked when its zones are idle, not when it is queued. It belongs to the data path, under the device's lock.
 */
final class ZoneChanges {

    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final RequestMapper mapper;
    private final UnflushedResets resets;
    private final Recorder recorder;
    private final FailureLog failures;
    private final List<ZoneChange> waiting = new ArrayList<>();

    ZoneChanges(
            DeviceZones zones,
            ZoneStateMachine rules,
            RequestMapper mapper,
            UnflushedResets resets,
            Recorder recorder,
            FailureLog failures) {
        this.zones = zones;
        this.rules = rules;
        this.mapper = mapper;
        this.resets = resets;
        this.recorder = recorder;
        this.failures = failures;
    }

    void add(ZoneChange change) {
        waiting.add(change);
    }

    /**
     * Withdraws a change of conditions that has not begun.
     *
     * @param done the future of the change
     * @return false if it has begun or has ended
     */
    @SuppressWarnings("ReferenceEquality") // compares the object itself
    boolean withdraw(CompletableFuture<?> done) {
        for (ZoneChange change : waiting) {
            if (change instanceof ZoneChange.Wear wear && wear.done == done) {
                waiting.remove(change);
                change.release();
                return true;
            }
        }
        return false;
    }

    /**
     * Takes the changes whose zones are idle, and checks them. A change that violates the rules fails here. Takes at
     * most one change of conditions at a time, because each recovery reserves its active zones.
     */
    List<ZoneChange> start() {
        if (waiting.isEmpty()) {
            return List.of();
        }
        List<ZoneChange> ready = new ArrayList<>();
        boolean wears = false;
        for (Iterator<ZoneChange> each = waiting.iterator(); each.hasNext(); ) {
            ZoneChange change = each.next();
            boolean isWear = change instanceof ZoneChange.Wear;
            if (change.hold() && !(isWear && wears)) {
                each.remove();
                ready.add(change);
                wears |= isWear;
            }
        }
        ready.forEach(this::check);
        return ready;
    }

    private void check(ZoneChange change) {
        try {
            switch (change) {
                case ZoneChange.Reset reset -> reset.zones.forEach(zone -> checkReset(reset, zone));
                case ZoneChange.Finish finish -> finish.fail(rules.checkFinish(finish.zone.zone));
                case ZoneChange.Loss loss -> {}
                case ZoneChange.Wear wear -> {
                    if (wear.condition == null && rules.beginRecovery(zonesOf(wear)) != 0) {
                        wear.failure = new IOException(
                                "more zones would be active than the device may have: reset or finish others");
                    }
                }
            }
        } catch (RuntimeException | VirtualMachineError e) {
            change.fail(failures.logAndGetErrno("starting a change of zones", e));
        }
    }

    private void checkReset(ZoneChange.Reset reset, ActiveZone zone) {
        int refusal = rules.checkReset(zone.zone);
        if (refusal == 0) {
            reset.resettable.add(zone);
        } else if (!reset.skipsFailedZones) {
            reset.fail(refusal);
        }
    }

    private static List<Zone> zonesOf(ZoneChange change) {
        return change.zones.stream().map(active -> active.zone).toList();
    }

    /** Applies a durable change to the state of its zones. */
    void apply(ZoneChange change) {
        try {
            switch (change) {
                case ZoneChange.Reset reset -> apply(reset);
                case ZoneChange.Finish finish -> apply(finish);
                case ZoneChange.Loss loss -> apply(loss);
                case ZoneChange.Wear wear -> apply(wear);
            }
        } catch (RuntimeException | VirtualMachineError e) {
            change.fail(failures.logAndGetErrno("ending a change of zones", e));
        }
    }

    private void apply(ZoneChange.Reset reset) {
        reset.written = reset.resettable; // the file may have the new write pointers even if the reset failed
        if (!reset.stored) {
            return;
        }
        for (int i = 0; i < reset.storedPointers.length; i++) {
            ActiveZone zone = reset.resettable.get(i);
            if (resets.keep(zone, reset.storedPointers[i])) {
                reset.kept.add(zone);
            }
            zone.completedBytes = zone.zone.startBytes();
            zone.lastWriteBytes = 0;
            zone.hasRemains = false;
            zones.forgetAppends(zone.zone, zone.zone.startBytes());
            rules.reset(zone.zone);
            mapper.releaseAhead(zone);
        }
        recorder.reset(reset.request(), reset.resettable);
    }

    private void apply(ZoneChange.Finish finish) {
        ActiveZone zone = finish.zone;
        if (!finish.succeeds() || zone.zone.condition() == ZoneCondition.FULL) {
            return;
        }
        int error = rules.finish(zone.zone);
        if (error != 0) {
            finish.fail(error);
            return;
        }
        zone.completedBytes = zone.zone.endBytes();
        zone.lastWriteBytes = 0;
        zones.publish(zone.zone);
        finish.written = finish.zones;
        recorder.finished(finish.request(), zone);
    }

    private void apply(ZoneChange.Loss loss) {
        loss.written = loss.zones; // the old data that the image has again is durable after the next flush
        resets.forget(); // they are on the medium, or the loss would have undone them
        for (int i = 0; i < loss.storedPointers.length; i++) {
            ActiveZone active = loss.zones.get(i);
            if (!active.zone.isConventional() && !active.zone.condition().isFailed()) {
                loseAbove(active, loss.storedPointers[i]);
            }
        }
    }

    private void loseAbove(ActiveZone active, long storedPointer) {
        Zone zone = active.zone;
        long pointer = storedPointer < zone.writableEndBytes() ? storedPointer : zone.endBytes();
        if (pointer < active.completedBytes) {
            active.completedBytes = pointer;
            active.lastWriteBytes = 0;
            active.hasRemains = true;
        }
        rules.powerCycle(zone, active.completedBytes); // publishes the zone
        zones.forgetAppends(zone, active.completedBytes);
    }

    private void apply(ZoneChange.Wear wear) {
        rules.endRecovery();
        if (wear.failure != null) {
            return;
        }
        for (ActiveZone active : wear.zones) {
            if (wear.condition != null) {
                rules.fail(active.zone, wear.condition);
            } else if (active.zone.condition().isFailed()) {
                rules.recover(active.zone);
            }
        }
    }
}
