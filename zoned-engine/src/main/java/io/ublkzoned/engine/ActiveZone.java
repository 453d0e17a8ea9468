package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.Zone;
import org.jspecify.annotations.Nullable;

/**
 * A zone that has been used since the attach: its mapping, the requests that move data, and the requests that wait.
 * Guarded by the device's lock.
 */
final class ActiveZone {

    final Zone zone;

    /** Null until the mapping has been read from the L2 tables. */
    @Nullable
    ZoneMap map;

    /** Whether the metadata thread still has to read the zone's mapping or write entries of it. */
    boolean mapPending;

    /** Whether a reset or finish has the zone to itself, or is about to. Other requests wait. */
    boolean held;

    /**
     * Whether a write failed. Later ones then fail, new ones wait, and the write pointer moves back once no write is in
     * flight.
     */
    boolean failed;

    /** Whether the next flush writes the zone. */
    boolean dirty;

    /** The number of requests whose data is in flight. */
    int transfers;

    /** The acknowledged write pointer, which reports show. Every byte below it is in the image. */
    long completedBytes;

    /** The length of the write that ended at {@link #completedBytes}, 0 if none did. */
    int lastWriteBytes;

    /** Whether the kernel may send that write again, because the server died before it could complete it. */
    boolean lastWriteMayRepeat;

    /** Whether unacknowledged writes may have left data above the write pointer, where later writes go. */
    boolean hasRemains;

    /** Writes of a sequential zone whose data is in flight, in the order of their places. */
    final RequestList writes = new RequestList();

    /** Requests that restart when the zone is no longer held, has no failed write, and has a map. */
    final RequestList waiting = new RequestList();

    ActiveZone(Zone zone) {
        this.zone = zone;
        this.completedBytes = zone.writePointerBytes();
    }

    boolean isIdle() {
        return transfers == 0 && !failed;
    }

    /** Restarts all waiting requests, each on its own queue's thread. */
    void resumeWaiting() {
        for (BlockRequest r = waiting.poll(); r != null; r = waiting.poll()) {
            r.queue().handOver(r);
        }
    }
}
