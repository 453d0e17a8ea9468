package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.zone.ZoneCondition;

/**
 * A zone in a report of a device or of an image; sizes and positions in bytes.
 *
 * @param writePointer the place of the next write, in a read-only or offline zone after its recovery; the end of the
 *     zone if it is full; {@link #UNKNOWN} in a read-only or offline zone of a device; without meaning in a
 *     conventional zone
 */
record ReportedZone(int index, long start, long length, long capacity, long writePointer, ZoneCondition condition) {

    static final long UNKNOWN = -1;

    boolean isConventional() {
        return condition == ZoneCondition.NOT_WP;
    }

    /** Returns whether the next write has a place in the zone. */
    boolean takesWrites() {
        return condition.isActive() || condition == ZoneCondition.EMPTY;
    }

    /** Returns whether {@link #writePointer} tells how much the zone holds. */
    boolean hasWritePointer() {
        return !isConventional() && writePointer != UNKNOWN;
    }

    long end() {
        return start + length;
    }
}
