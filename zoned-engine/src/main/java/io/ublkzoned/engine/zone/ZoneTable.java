package io.ublkzoned.engine.zone;

import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * All zones of a device, with what follows from their conditions: the numbers of open and active zones, and the
 * implicitly open zone that was written least recently. {@link #transition} is the only method that changes a
 * condition, so the counts always match the zones.
 */
public final class ZoneTable {

    private final Zone[] zones;
    private final int zoneShift;
    private final Consumer<Zone> onTransition;

    private int implicitOpen;
    private int explicitOpen;
    private int closed;
    private @Nullable Zone leastRecent;
    private @Nullable Zone mostRecent;

    /** Builds the zones of a device that is not in use; see the other constructor. */
    public ZoneTable(
            DeviceGeometry geometry, IntToLongFunction writePointer, IntFunction<@Nullable ZoneCondition> failed) {
        this(geometry, writePointer, failed, zone -> {});
    }

    /**
     * Builds the zones as they are after a power cycle: conditions follow from the write pointers, and no zone is open.
     *
     * @param writePointer the stored write pointer of each sequential zone, as a device address in bytes
     * @param failed the condition of each zone that is read-only or offline, null for all others
     * @param onTransition called with each zone that has been given a condition
     */
    public ZoneTable(
            DeviceGeometry geometry,
            IntToLongFunction writePointer,
            IntFunction<@Nullable ZoneCondition> failed,
            Consumer<Zone> onTransition) {
        this.onTransition = onTransition;
        zones = new Zone[geometry.zoneCount()];
        zoneShift = geometry.zoneShift();
        for (int i = 0; i < zones.length; i++) {
            zones[i] = restore(geometry, i, writePointer);
            ZoneCondition condition = failed.apply(i);
            zones[i].condition = condition == null ? zones[i].condition : condition;
            count(zones[i].condition, 1);
        }
    }

    private static Zone restore(DeviceGeometry geometry, int index, IntToLongFunction writePointer) {
        long start = geometry.zoneStart(index);
        long length = geometry.zoneLengthBytes(index);
        long capacity = geometry.zoneCapacityBytes(index);
        if (geometry.isConventional(index)) {
            return new Zone(index, start, capacity, length, ZoneCondition.NOT_WP, start + length);
        }
        long stored = writePointer.applyAsLong(index);
        if (stored >= start + capacity) {
            return new Zone(index, start, capacity, length, ZoneCondition.FULL, start + length);
        }
        ZoneCondition condition = stored == start ? ZoneCondition.EMPTY : ZoneCondition.CLOSED;
        return new Zone(index, start, capacity, length, condition, stored);
    }

    public int size() {
        return zones.length;
    }

    public Zone zone(int index) {
        return zones[index];
    }

    /** Returns the index of the zone that holds a device address. The address must be on the device. */
    public int indexOf(long offsetBytes) {
        return (int) (offsetBytes >>> zoneShift);
    }

    /** Returns the number of zones that count against the open limit. */
    public int openCount() {
        return implicitOpen + explicitOpen;
    }

    /** Returns the number of zones that count against the active limit. */
    public int activeCount() {
        return implicitOpen + explicitOpen + closed;
    }

    /**
     * Returns the implicitly open zone whose last write, as reported to {@link #markMostRecent}, is the longest ago; null if
     * no zone is implicitly open.
     */
    public @Nullable Zone leastRecentlyWritten() {
        return leastRecent;
    }

    /** Changes the condition of a zone. A zone that becomes implicitly open counts as written just now. */
    void transition(Zone zone, ZoneCondition to) {
        ZoneCondition from = zone.condition;
        if (from == ZoneCondition.IMPLICIT_OPEN) {
            unlink(zone);
        }
        count(from, -1);
        zone.condition = to;
        count(to, 1);
        if (to == ZoneCondition.IMPLICIT_OPEN) {
            linkMostRecent(zone);
        }
        onTransition.accept(zone);
    }

    /**
     * Reopens a zone that was open when its server died. A zone that was implicitly open and has no data stays EMPTY,
     * because its first write was never acknowledged.
     */
    public void reopen(Zone zone, ZoneCondition open) {
        if (zone.condition == ZoneCondition.CLOSED
                || (zone.condition == ZoneCondition.EMPTY && open == ZoneCondition.EXPLICIT_OPEN)) {
            transition(zone, open);
        }
    }

    /** Marks an implicitly open zone as the most recently written one. */
    void markMostRecent(Zone zone) {
        if (zone != mostRecent && zone.condition == ZoneCondition.IMPLICIT_OPEN) {
            unlink(zone);
            linkMostRecent(zone);
        }
    }

    private void count(ZoneCondition condition, int change) {
        switch (condition) {
            case IMPLICIT_OPEN -> implicitOpen += change;
            case EXPLICIT_OPEN -> explicitOpen += change;
            case CLOSED -> closed += change;
            case NOT_WP, EMPTY, FULL, READ_ONLY, OFFLINE -> {}
        }
    }

    private void linkMostRecent(Zone zone) {
        zone.lessRecent = mostRecent;
        zone.moreRecent = null;
        if (mostRecent == null) {
            leastRecent = zone;
        } else {
            mostRecent.moreRecent = zone;
        }
        mostRecent = zone;
    }

    private void unlink(Zone zone) {
        if (zone.lessRecent == null) {
            leastRecent = zone.moreRecent;
        } else {
            zone.lessRecent.moreRecent = zone.moreRecent;
        }
        if (zone.moreRecent == null) {
            mostRecent = zone.lessRecent;
        } else {
            zone.moreRecent.lessRecent = zone.lessRecent;
        }
        zone.lessRecent = null;
        zone.moreRecent = null;
    }
}
