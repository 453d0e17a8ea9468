package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;

/** One request as a test sees it: its data, and how it ended. */
public final class IoCall {

    public final BlockRequest request;
    public final BlockOp op;

    /** Where the request was sent; the start of the zone for an append. */
    public final long offset;

    public final byte[] data;
    public final boolean forceUnitAccess;

    public boolean done;
    public int result;

    /** Where the request is after its completion; for an append, where its data went. */
    public long place;

    // The times at which it began and ended, on the world's clock.
    public long begun;
    public long ended = Long.MAX_VALUE;

    /** A crash came before anything had made it durable. */
    boolean losable;

    /** Seen on disk after a crash, from which no later one can take it. */
    boolean settled;

    /** A crash came after it had begun. */
    boolean crashed;

    /** Its data was no longer to be seen. */
    boolean gone;

    /** How many of its sectors the zone showed when it was looked at last. */
    int visibleSectors;

    IoCall(BlockRequest request, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        this.request = request;
        this.op = op;
        this.offset = offset;
        this.data = data;
        this.forceUnitAccess = forceUnitAccess;
    }

    public boolean succeeded() {
        return done && result >= 0;
    }

    long endPlace() {
        return place + data.length;
    }

    boolean isWrite() {
        return op == BlockOp.WRITE || op == BlockOp.ZONE_APPEND;
    }

    @Override
    public String toString() {
        return "%s %d+%d%s: %s"
                .formatted(op, offset, data.length, forceUnitAccess ? " fua" : "", done ? result : "under way");
    }
}
