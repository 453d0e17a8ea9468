package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.Zone;
import org.jspecify.annotations.Nullable;

/**
 * A zone that has been used since the attach: its mapping, the requests that move data, and those that wait. Guarded by
 * the device's lock.
 */
final class ActiveZone {

    final Zone zone;

    /** Null until the mapping has been read from the L2 tables. */
    @Nullable
    ZoneMap map;

    /** The metadata thread has the zone's mapping to read, or entries of it to write. */
    boolean mapPending;

    /** A reset or finish has the zone to itself, or is about to: requests wait. */
    boolean held;

    /** A write failed: later ones fail, new ones wait, and the write pointer goes back when none is under way. */
    boolean failed;

    /** The next flush writes the zone. */
    boolean dirty;

    /** Requests whose data is moving. */
    int transfers;

    /** Every byte below it is in the image and acknowledged; the write pointer that reports show. */
    long completedBytes;

    /** The length of the write that ended at {@link #completedBytes}, 0 if none did. */
    int lastWriteBytes;

    /** The kernel may send that write again, since the server died before it could say that it was done. */
    boolean lastWriteMayRepeat;

    /** Writes that were not acknowledged may have left data above the write pointer, where later ones go. */
    boolean hasRemains;

    /** Writes of a sequential zone whose data is moving, in the order of their places. */
    final RequestList writes = new RequestList();

    /** Requests that start again when the zone is no longer held, failed or without a map. */
    final RequestList waiting = new RequestList();

    ActiveZone(Zone zone) {
        this.zone = zone;
        this.completedBytes = zone.writePointerBytes();
    }

    boolean isIdle() {
        return transfers == 0 && !failed;
    }

    /** Starts all waiting requests again, each on its own queue's thread. */
    void resumeWaiting() {
        for (BlockRequest r = waiting.poll(); r != null; r = waiting.poll()) {
            r.queue().handOver(r);
        }
    }
}
