package io.ublkzoned.engine.zone;

import org.jspecify.annotations.Nullable;

/**
 * One zone: its addresses, its condition and its write pointer. {@link ZoneTable} and {@link ZoneStateMachine} change
 * it.
 */
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

    /** Returns the device address of the zone's first byte. */
    public long startBytes() {
        return startBytes;
    }

    /** Returns the device address one past the zone's capacity. */
    public long writableEndBytes() {
        return writableEndBytes;
    }

    /** Returns the device address one past the zone. */
    public long endBytes() {
        return endBytes;
    }

    public long capacityBytes() {
        return writableEndBytes - startBytes;
    }

    public ZoneCondition condition() {
        return condition;
    }

    /**
     * Returns whether the zone has no write pointer. The answer never changes, so no lock is needed, unlike for
     * {@link #condition}.
     */
    public boolean isConventional() {
        return conventional;
    }

    /**
     * Returns the device address of the next write. Writes below it may still be in flight. Without a write pointer it
     * is the end of the zone.
     */
    public long writePointerBytes() {
        return writePointerBytes;
    }
}
