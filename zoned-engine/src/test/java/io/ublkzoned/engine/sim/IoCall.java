package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** One request as a test sees it: its data and its result. */
public final class IoCall {

    /** The engine's request; a different one when the request is sent again. */
    public BlockRequest request;

    public final BlockOp op;

    /** The address that the request was sent to; the start of the zone for an append. */
    public final long offset;

    /** The data that takes effect: all of it, unless a fault drops the end. */
    public byte[] data;

    /** The length with which it is sent. */
    final int lengthBytes;

    public final boolean forceUnitAccess;

    public boolean done;
    public int result;

    /** The address of the request after its completion; for an append, of its data. */
    public long place;

    // The times at which it began and ended, on the world's clock.
    public long begun;
    public long ended = Long.MAX_VALUE;

    /** Whether the device has the request. */
    boolean sent;

    /** Whether the server has offered its result to the kernel, or was about to. */
    boolean offered;

    /** Whether the server has died and the kernel will send the request to the next one. */
    boolean survivesServer;

    /** Whether a dead server had carried it out, and its result was not taken. */
    boolean carriedOut;

    /**
     * Whether the kernel has sent it to a further server. It may violate the rules by then; if so, it fails although
     * its data is there.
     */
    boolean sentAgain;

    /** The places at which an append that was sent again may have left a copy of its data that no result names. */
    final Set<Long> strayPlaces = new HashSet<>();

    /** Whether a crash came before anything had made it durable. */
    boolean losable;

    /** Whether it was seen on disk after a crash. No later crash can remove it. */
    boolean settled;

    /** Whether a crash came after it had begun. */
    boolean crashed;

    /** Whether it is a reset that a power cut of the device may have undone. */
    boolean undoable;

    /** Whether its data was no longer visible. */
    boolean gone;

    /** The number of its sectors that the zone showed when it was last examined. */
    int visibleSectors;

    IoCall(BlockRequest request, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        this.request = request;
        this.op = op;
        this.offset = offset;
        this.data = data;
        lengthBytes = data.length;
        this.forceUnitAccess = forceUnitAccess;
    }

    /** Returns whether the device has given it a place. An append is sent to the start of its zone. */
    boolean wasPlaced() {
        return sent && request.offsetBytes() != offset;
    }

    /**
     * Returns its current place on the device, 0 if the device does not have it. Any thread of a test may call this.
     */
    long placeNow() {
        return sent ? YieldPoints.unseen(request::offsetBytes) : 0;
    }

    /** Drops the end of the data, which does not take effect. */
    void keepOnly(int bytes) {
        data = Arrays.copyOf(data, Math.min(data.length, bytes));
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
                .formatted(op, offset, data.length, forceUnitAccess ? " fua" : "", done ? result : "in flight");
    }
}
