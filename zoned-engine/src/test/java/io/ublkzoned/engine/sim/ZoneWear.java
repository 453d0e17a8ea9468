package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The oracle of read-only and offline zones. From the requested changes and their results it derives the conditions
 * that each zone must and can have, and the requests that may or must fail because of them.
 */
final class ZoneWear {

    /**
     * A change that has not ended. For a recovery, {@code condition} is EMPTY, which stands for every good condition.
     */
    private static final class Change {
        private final int first;
        private final int count;
        private final ZoneCondition condition;
        private final List<Set<ZoneCondition>> before;

        /** Null until the change has been requested from the device. */
        private @Nullable CompletableFuture<@Nullable Void> done;

        Change(int first, int count, ZoneCondition condition, List<Set<ZoneCondition>> before) {
            this.first = first;
            this.count = count;
            this.condition = condition;
            this.before = before;
        }

        boolean concerns(int zone) {
            return zone >= first && zone < first + count;
        }
    }

    private static final ZoneCondition GOOD = ZoneCondition.EMPTY;

    private final List<Set<ZoneCondition>> possible = new ArrayList<>();

    /** The possible conditions on disk. After a crash, a failed change may nevertheless be in the file. */
    private final List<Set<ZoneCondition>> possibleOnDisk = new ArrayList<>();

    private final List<Change> pending = new ArrayList<>();

    /** Whether several changes of a zone have been in flight at the same time since none was. */
    private final boolean[] overlaps;

    /** The last time at which each zone could have failed; the end of time while it can. */
    private final long[] couldFailUntil;

    /** The time since which each zone is known to have failed. */
    private final long[] hasFailedSince;

    ZoneWear(DeviceGeometry geometry) {
        overlaps = new boolean[geometry.zoneCount()];
        couldFailUntil = new long[geometry.zoneCount()];
        hasFailedSince = new long[geometry.zoneCount()];
        for (int i = 0; i < geometry.zoneCount(); i++) {
            possible.add(EnumSet.of(GOOD));
            possibleOnDisk.add(EnumSet.of(GOOD));
            hasFailedSince[i] = Long.MAX_VALUE;
        }
    }

    static boolean isFailed(ZoneCondition condition) {
        return condition == ZoneCondition.READ_ONLY || condition == ZoneCondition.OFFLINE;
    }

    /** Requests a change from the device. The model expects it from before the call on. */
    void change(ZonedDevice device, int first, int count, @Nullable ZoneCondition condition) {
        Change change = new Change(
                first,
                count,
                condition == null ? GOOD : condition,
                List.copyOf(possible.subList(first, first + count)));
        for (int zone = first; zone < first + count; zone++) {
            overlaps[zone] |= isBeingChanged(zone);
        }
        pending.add(change);
        for (int zone = first; zone < first + count; zone++) {
            Set<ZoneCondition> conditions = EnumSet.copyOf(possible.get(zone));
            conditions.add(change.condition);
            possibleOnDisk.get(zone).add(change.condition);
            set(zone, conditions, 0);
        }
        change.done = device.changeCondition(first, count, condition);
    }

    boolean isChanging() {
        return !pending.isEmpty();
    }

    /** Returns whether it is known for every zone if it has failed. */
    boolean isCertain() {
        return pending.isEmpty() && possible.stream().allMatch(conditions -> conditions.size() == 1);
    }

    /** Withdraws the oldest change that has not ended, if the device allows it. */
    void withdrawOldest(ZonedDevice device, long now) {
        Change withdrawn = pending.isEmpty() ? null : pending.getFirst();
        if (withdrawn == null || withdrawn.done == null || !device.withdraw(withdrawn.done)) {
            return;
        }
        pending.remove(withdrawn);
        for (int zone = withdrawn.first; zone < withdrawn.first + withdrawn.count; zone++) {
            Set<ZoneCondition> before = EnumSet.copyOf(withdrawn.before.get(zone - withdrawn.first));
            if (!isBeingChanged(zone) && !overlaps[zone]) {
                set(zone, before, now);
            }
            overlaps[zone] &= isBeingChanged(zone);
        }
    }

    /** Records the changes that have ended. */
    void update(long now) {
        for (Iterator<Change> each = pending.iterator(); each.hasNext(); ) {
            Change change = each.next();
            CompletableFuture<@Nullable Void> done = change.done;
            if (done == null || !done.isDone()) {
                continue;
            }
            each.remove();
            for (int zone = change.first; zone < change.first + change.count; zone++) {
                // Among overlapping changes, any may be the last.
                boolean alone = !isBeingChanged(zone) && !overlaps[zone];
                overlaps[zone] &= isBeingChanged(zone);
                if (alone && !done.isCompletedExceptionally()) {
                    set(zone, EnumSet.of(change.condition), now);
                    possibleOnDisk.set(zone, EnumSet.of(change.condition));
                }
            }
        }
    }

    private boolean isBeingChanged(int zone) {
        return pending.stream().anyMatch(change -> change.concerns(zone));
    }

    /** Updates the model after the server or the machine has died. The result of unfinished changes is unknown. */
    void crashed(long now) {
        pending.clear();
        Arrays.fill(overlaps, false);
        for (int zone = 0; zone < possible.size(); zone++) {
            set(zone, EnumSet.copyOf(possibleOnDisk.get(zone)), now);
        }
    }

    private void set(int zone, Set<ZoneCondition> conditions, long now) {
        boolean couldFail = possible.get(zone).stream().anyMatch(ZoneWear::isFailed);
        possible.set(zone, conditions);
        if (conditions.stream().anyMatch(ZoneWear::isFailed)) {
            couldFailUntil[zone] = Long.MAX_VALUE;
        } else if (couldFail) {
            couldFailUntil[zone] = now;
        }
        boolean fails = conditions.stream().allMatch(ZoneWear::isFailed) && !isBeingChanged(zone);
        hasFailedSince[zone] = fails ? Math.min(hasFailedSince[zone], now) : Long.MAX_VALUE;
    }

    /** Compares a report of a just opened image with the possible conditions, and takes it as known from then on. */
    void checkOpened(int zone, ZoneCondition reported, long now) {
        check(zone, reported, now);
        possibleOnDisk.set(zone, EnumSet.copyOf(possible.get(zone)));
    }

    /** Compares a report of an image that was already open. */
    void check(int zone, ZoneCondition reported, long now) {
        ZoneCondition found = isFailed(reported) ? reported : GOOD;
        if (!possible.get(zone).contains(found)) {
            throw new AssertionError("zone %d is %s, and can be %s".formatted(zone, reported, possible.get(zone)));
        }
        if (!isBeingChanged(zone)) {
            set(zone, EnumSet.of(found), now);
        }
    }

    /** Returns whether a zone may have been read-only or offline at some time since then. */
    boolean mayHaveFailed(int zone, long since) {
        return couldFailUntil[zone] >= since;
    }

    /** Returns whether a zone is certainly good now. */
    boolean isGood(int zone) {
        return !possible.get(zone).stream().anyMatch(ZoneWear::isFailed);
    }

    /** Returns whether a request that began then must fail. */
    boolean mustFail(int zone, BlockOp op, long begun) {
        boolean readable = op == BlockOp.READ && possible.get(zone).contains(ZoneCondition.READ_ONLY);
        return hasFailedSince[zone] < begun && !readable;
    }
}
