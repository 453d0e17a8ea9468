package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.zone.ZoneCondition;

/**
 * A zone in a report of a device or of an image; sizes and positions in bytes.
 *
 * @param writePointer the position of the next write. In a full zone, the end of the zone. In a read-only or offline
 *     zone of an image, the position of the next write after recovery; of a device, {@link #UNKNOWN}. Without meaning
 *     in a conventional zone.
 */
record ReportedZone(int index, long start, long length, long capacity, long writePointer, ZoneCondition condition) {

    static final long UNKNOWN = -1;

    boolean isConventional() {
        return condition == ZoneCondition.NOT_WP;
    }

    /** Returns whether the zone accepts a write at its write pointer. */
    boolean takesWrites() {
        return condition.isActive() || condition == ZoneCondition.EMPTY;
    }

    /** Returns whether {@link #writePointer} shows how much data the zone holds. */
    boolean hasWritePointer() {
        return !isConventional() && writePointer != UNKNOWN;
    }

    long end() {
        return start + length;
    }
}
