package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.ZonedDevice;
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
 * The oracle of which zones are read-only or offline: from the changes that were asked for and how they ended follows what
 * each zone must and can be, and which requests may or must fail because of it.
 */
final class ZoneWear {

    /** A change that has not ended; {@code condition} is EMPTY for a recovery, which stands for every condition that is good. */
    private static final class Change {
        private final int first;
        private final int count;
        private final ZoneCondition condition;
        private final List<Set<ZoneCondition>> before;

        /** Null until the device has been asked for it. */
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

    /** After a crash: a change that failed may be in the file all the same. */
    private final List<Set<ZoneCondition>> possibleOnDisk = new ArrayList<>();

    private final List<Change> pending = new ArrayList<>();

    /** Whether several changes of a zone have been under way at a time, since none was. */
    private final boolean[] overlaps;

    /** When each zone could last have failed; the end of time while it can. */
    private final long[] couldFailUntil;

    /** Since when each zone is known to have failed. */
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

    /** Asks the device for a change, and knows from before on that it can come. */
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

    /** Whether it is known of every zone if it has failed. */
    boolean isCertain() {
        return pending.isEmpty() && possible.stream().allMatch(conditions -> conditions.size() == 1);
    }

    /** Takes back the change that was asked for first of those that have not ended, if the device lets that happen. */
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

    /** Takes note of the changes that have ended. */
    void update(long now) {
        for (Iterator<Change> each = pending.iterator(); each.hasNext(); ) {
            Change change = each.next();
            CompletableFuture<@Nullable Void> done = change.done;
            if (done == null || !done.isDone()) {
                continue;
            }
            each.remove();
            for (int zone = change.first; zone < change.first + change.count; zone++) {
                // Of changes that overlap, any may come last.
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

    /** The server or the machine dies: of a change that had not ended nothing is known. */
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

    /** Compares what a report says of an image that has just been opened with what can be, and knows it from then on. */
    void checkOpened(int zone, ZoneCondition reported, long now) {
        check(zone, reported, now);
        possibleOnDisk.set(zone, EnumSet.copyOf(possible.get(zone)));
    }

    /** The same of one that was open already. */
    void check(int zone, ZoneCondition reported, long now) {
        ZoneCondition found = isFailed(reported) ? reported : GOOD;
        if (!possible.get(zone).contains(found)) {
            throw new AssertionError("zone %d is %s, and can be %s".formatted(zone, reported, possible.get(zone)));
        }
        if (!isBeingChanged(zone)) {
            set(zone, EnumSet.of(found), now);
        }
    }

    /** Whether a zone may have been read-only or offline at some time since then. */
    boolean mayHaveFailed(int zone, long since) {
        return couldFailUntil[zone] >= since;
    }

    /** Whether a zone is good now, for sure. */
    boolean isGood(int zone) {
        return !possible.get(zone).stream().anyMatch(ZoneWear::isFailed);
    }

    /** Whether a request that began then cannot have been right to succeed. */
    boolean mustFail(int zone, BlockOp op, long begun) {
        boolean readable = op == BlockOp.READ && possible.get(zone).contains(ZoneCondition.READ_ONLY);
        return hasFailedSince[zone] < begun && !readable;
    }
}
