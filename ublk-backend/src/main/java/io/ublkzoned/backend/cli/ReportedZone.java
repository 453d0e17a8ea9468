package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.zone.ZoneCondition;

/**
 * A zone in a report, of a device or of an image; sizes and places in bytes.
 *
 * @param writePointer where the next write goes, in a read-only or offline zone after its recovery; the end of a zone
 *     that is full; {@link #UNKNOWN} in a read-only or offline zone of a device, and of no meaning in a conventional one
 */
record ReportedZone(int index, long start, long length, long capacity, long writePointer, ZoneCondition condition) {

    static final long UNKNOWN = -1;

    boolean isConventional() {
        return condition == ZoneCondition.NOT_WP;
    }

    /** Whether there is a place for the next write. */
    boolean takesWrites() {
        return condition.isActive() || condition == ZoneCondition.EMPTY;
    }

    /** Whether {@link #writePointer} says how much the zone holds. */
    boolean hasWritePointer() {
        return !isConventional() && writePointer != UNKNOWN;
    }

    long end() {
        return start + length;
    }
}
