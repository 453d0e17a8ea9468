package io.ublkzoned.engine.zone;

import org.jspecify.annotations.Nullable;

/** One zone: its place, its condition, its write pointer. Changed by {@link ZoneTable} and {@link ZoneStateMachine}. */
public final class Zone {

    private final int index;
    private final long startBytes;
    private final long writableEndBytes;
    private final long endBytes;
    private final boolean conventional;

    ZoneCondition condition;
    long writePointerBytes;

    // Neighbours in the table's list of implicitly open zones, least recently written first.
    @Nullable
    Zone lessRecent;

    @Nullable
    Zone moreRecent;

    Zone(int index, long startBytes, long capacityBytes, long lengthBytes, ZoneCondition condition, long writePointer) {
        this.index = index;
        this.startBytes = startBytes;
        this.writableEndBytes = startBytes + capacityBytes;
        this.endBytes = startBytes + lengthBytes;
        conventional = condition == ZoneCondition.NOT_WP;
        this.condition = condition;
        this.writePointerBytes = writePointer;
    }

    public int index() {
        return index;
    }

    /** Where the zone starts on the device. */
    public long startBytes() {
        return startBytes;
    }

    /** Where its capacity ends on the device. */
    public long writableEndBytes() {
        return writableEndBytes;
    }

    /** Returns the end of the zone on the device. */
    public long endBytes() {
        return endBytes;
    }

    public long capacityBytes() {
        return writableEndBytes - startBytes;
    }

    public ZoneCondition condition() {
        return condition;
    }

    /** Returns whether the zone has no write pointer. Never changes, so no lock is needed, unlike for {@link #condition}. */
    public boolean isConventional() {
        return conventional;
    }

    /** Where the next write goes; writes below it may still be on their way. The end of the zone where it has none. */
    public long writePointerBytes() {
        return writePointerBytes;
    }
}
