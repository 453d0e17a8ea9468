package io.ublkzoned.engine;

/** One request as a test sees it: its data, and how it ended. */
final class IoCall {

    final BlockRequest request;
    final BlockOp op;

    /** Where the request was sent; the start of the zone for an append. */
    final long offset;

    final byte[] data;
    final boolean forceUnitAccess;

    boolean done;
    int result;

    /** Where the request is after its completion; for an append, where its data went. */
    long place;

    // The times at which it began and ended, on the world's clock.
    long begun;
    long ended = Long.MAX_VALUE;

    IoCall(BlockRequest request, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        this.request = request;
        this.op = op;
        this.offset = offset;
        this.data = data;
        this.forceUnitAccess = forceUnitAccess;
    }

    boolean succeeded() {
        return done && result >= 0;
    }

    @Override
    public String toString() {
        return "%s %d+%d%s: %s"
                .formatted(op, offset, data.length, forceUnitAccess ? " fua" : "", done ? result : "under way");
    }
}
