package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;
import java.util.HashSet;
import java.util.Set;

/** One request as a test sees it: its data, and how it ended. */
public final class IoCall {

    /** Another one when the request is sent again. */
    public BlockRequest request;

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

    /** The device has it. */
    boolean sent;

    /** The server has offered its answer to the kernel, or was about to. */
    boolean offered;

    /** The server has died, and the kernel will send it to the next one again. */
    boolean survivesServer;

    /** A server that died had carried it out, and its answer was not taken. */
    boolean carriedOut;

    /** The kernel has sent it to a further server, to which it may be against the rules by now: then it fails and its data is there. */
    boolean sentAgain;

    /** Where an append that was sent again may have left a copy of its data that no answer names. */
    final Set<Long> strayPlaces = new HashSet<>();

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

    /** Whether the device has given it a place: an append is sent to the start of its zone. */
    boolean wasPlaced() {
        return sent && request.offsetBytes() != offset;
    }

    /** Where the device has it now, 0 if the device does not have it; any thread of a test may ask. */
    long placeNow() {
        return sent ? YieldPoints.unseen(request::offsetBytes) : 0;
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
