package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.zone.ZoneCondition;

/**
 * A zone in a report, of a device or of an image; sizes and places in bytes.
 *
 * @param writePointer where the next write goes; the end of a zone that is full, and no meaning in a conventional one
 */
record ReportedZone(int index, long start, long length, long capacity, long writePointer, ZoneCondition condition) {

    boolean isConventional() {
        return condition == ZoneCondition.NOT_WP;
    }

    /** Whether there is a place for the next write. */
    boolean hasWritePointer() {
        return condition.isActive() || condition == ZoneCondition.EMPTY;
    }

    long end() {
        return start + length;
    }
}
