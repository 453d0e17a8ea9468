package io.ublkzoned.engine.zone;

import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * All zones of a device, and what follows from their conditions: how many are open or active, and which implicitly open
 * one was written least recently. {@link #transition} is the only place where a condition changes, so the counts cannot
 * disagree with the zones.
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

    /** The zones of a device that nobody uses, see the other constructor. */
    public ZoneTable(
            DeviceGeometry geometry, IntToLongFunction writePointer, IntFunction<@Nullable ZoneCondition> failed) {
        this(geometry, writePointer, failed, zone -> {});
    }

    /**
     * Builds the zones as they are after a power cycle: conditions follow from the write pointers, none is open.
     *
     * @param writePointer the stored write pointer of each sequential zone, as a device address in bytes
     * @param failed the condition of each zone that is read-only or offline, null of all others
     * @param onTransition is told of each zone that has been given a condition
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

    /** The number of the zone that holds a device address, which the caller knows to be on the device. */
    public int indexOf(long offsetBytes) {
        return (int) (offsetBytes >>> zoneShift);
    }

    /** Zones in a condition that counts against the open limit. */
    public int openCount() {
        return implicitOpen + explicitOpen;
    }

    /** Zones in a condition that counts against the active limit. */
    public int activeCount() {
        return implicitOpen + explicitOpen + closed;
    }

    /**
     * The implicitly open zone whose last write is the longest ago, as far as {@link #written} was told; null if no zone is
     * implicitly open.
     */
    public @Nullable Zone leastRecentlyWritten() {
        return leastRecent;
    }

    /** Gives the zone a condition; a zone that becomes implicitly open counts as written just now. */
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
     * Opens a zone again that was open when its server died. A zone that was implicitly open and has no data is EMPTY:
     * its first write was never acknowledged.
     */
    public void reopen(Zone zone, ZoneCondition open) {
        if (zone.condition == ZoneCondition.CLOSED
                || (zone.condition == ZoneCondition.EMPTY && open == ZoneCondition.EXPLICIT_OPEN)) {
            transition(zone, open);
        }
    }

    /** An implicitly open zone was written again. */
    void written(Zone zone) {
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
