package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.Zone;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A zone that has been used since the attach: its mapping, the requests that move data, and the requests that wait.
 * Guarded by the device's lock, except for {@link #endRead}.
 */
final class ActiveZone {

    private static final VarHandle READS_ENDED;

    static {
        try {
            READS_ENDED = MethodHandles.lookup().findVarHandle(ActiveZone.class, "readsEnded", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final Zone zone;

    // The transfers that have begun and not ended under the lock, and the reads among them that have ended without it.
    // A read counts its end first and then looks whether a change holds the zone. A change holds the zone first and
    // then compares the counts. So one of the two sees the other.
    private int transfers;
    private volatile int readsEnded;

    /** The requests that have begun to move data since the attach, modulo 2^32. */
    private int requests;

    private volatile boolean held;

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
        return transfers == readsEnded && !failed;
    }

    /** Counts a request whose data is in flight. */
    void beginTransfer() {
        transfers++;
        requests++;
    }

    /** Returns the number of requests that have begun to move data since the attach, modulo 2^32. */
    int requests() {
        return requests;
    }

    /** Ends the transfer of a write. Returns whether a change waits for the zone's transfers. */
    boolean endTransfer() {
        transfers--;
        return held;
    }

    /** Ends the transfer of a read, without the lock. Returns whether a change waits for the zone's transfers. */
    boolean endRead() {
        int _ = (int) READS_ENDED.getAndAdd(this, 1); // with its result, so that the call needs no conversion
        return held;
    }

    /** Restarts all waiting requests, each on its own queue's thread. */
    void resumeWaiting() {
        for (BlockRequest r = waiting.poll(); r != null; r = waiting.poll()) {
            r.queue().handOver(r);
        }
    }
}
