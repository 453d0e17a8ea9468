package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.Zone;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A zone that has been used since the attach: its mapping, the requests that move data, and the requests that wait.
 * Guarded by the device's lock, except for {@link #endTransfer}.
 */
final class ActiveZone {

    private static final VarHandle TRANSFERS;

    static {
        try {
            TRANSFERS = MethodHandles.lookup().findVarHandle(ActiveZone.class, "transfers", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final Zone zone;

    // A read ends without the lock: it leaves the zone first and then looks whether a change holds the zone. A change
    // holds it first and then looks for transfers. So one of the two sees the other.
    private volatile boolean held;
    private volatile int transfers;

    /** Null until the mapping has been read from the L2 tables. */
    @Nullable
    ZoneMap map;

    /** Whether the metadata thread still has to read the zone's mapping or write entries of it. */
    boolean mapPending;

    /**
     * Whether a write failed. Later ones then fail, new ones wait, and the write pointer moves back once no write is in
     * flight.
     */
    boolean failed;

    /** Whether the next flush writes the zone. */
    boolean dirty;

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

    /** Returns whether a change has the zone to itself, or is about to. Other requests wait. */
    boolean isHeld() {
        return held;
    }

    /** Keeps new requests out of the zone. */
    void hold() {
        held = true;
    }

    /** Lets requests into the zone again. */
    void release() {
        held = false;
        resumeWaiting();
    }

    boolean isIdle() {
        return transfers == 0 && !failed;
    }

    /** Counts a request whose data is in flight. */
    void beginTransfer() {
        TRANSFERS.getAndAdd(this, 1);
    }

    /**
     * Ends a transfer. Any thread may call this without the lock.
     *
     * @return whether it was the last one, and a change waits for that
     */
    boolean endTransfer() {
        int before = (int) TRANSFERS.getAndAdd(this, -1);
        return before == 1 && held;
    }

    /** Restarts all waiting requests, each on its own queue's thread. */
    void resumeWaiting() {
        for (BlockRequest r = waiting.poll(); r != null; r = waiting.poll()) {
            r.queue().handOver(r);
        }
    }
}
