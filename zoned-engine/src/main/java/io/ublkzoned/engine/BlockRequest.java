package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.fault.FaultOutcome;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One request to the device. It is created once per tag, filled in by its queue, and reused for the life of the queue.
 *
 * <p>It belongs to the data path. Between {@link ZonedDevice#submit} and {@link RequestQueue#completed} the engine owns
 * it. It is in at most one {@link RequestList} at a time.
 */
public final class BlockRequest {

    /** The step that {@link ZonedDevice#proceed} takes with a request that was handed over. */
    enum Step {
        START,
        COMPLETE
    }

    /** The knowledge of whether the last server had already carried out an append that the kernel sends again. */
    enum Repeat {
        /** The first request of its slot: it may be a repeated one. */
        POSSIBLE,
        /** The data is being compared with the data at the earlier append's place. */
        COMPARING,
        /** Like {@link #COMPARING}, and some data differs. */
        DIFFERENT,
        NO
    }

    private static final int INITIAL_PARTS = 4;

    private final RequestQueue queue;
    private final int tag;
    private final int slot;

    private BlockOp op = BlockOp.FLUSH;
    private long offsetBytes;
    private int lengthBytes;
    private boolean forceUnitAccess;

    // The engine's part. The queue's thread writes it while it owns the request, and the device's lock guards it
    // afterwards.
    Step step = Step.START;
    Repeat repeat = Repeat.POSSIBLE;

    @Nullable
    BlockRequest next;

    /** Whether the fault rules have seen the request. They see each request once. */
    boolean wasShown;

    /** The effect of the rule that hits the request, or null. */
    @Nullable
    FaultOutcome fault;

    /** The request in the write log, if the device is recorded and the request took effect. */
    List<LogEntry> entries = List.of();

    /** For a flush, the number of entries in the write log that it covers. */
    long coveredEntries;

    /** The zone in which the request's data was last in flight. */
    @Nullable
    ActiveZone zone;

    /** Whether the blocks that the request overwrites are saved before its data moves. */
    boolean journaled;

    int result;
    boolean transferred;
    int partsPending;
    int partCount;
    int[] partLength = new int[INITIAL_PARTS];
    long[] partImageOffset = new long[INITIAL_PARTS];

    /**
     * @param queue the queue that all uses of the request come from
     * @param tag the request's number in that queue
     * @param slot the request's number among those of all queues, which is the same in the next server: see
     *     {@link DeviceState}
     */
    public BlockRequest(RequestQueue queue, int tag, int slot) {
        this.queue = queue;
        this.tag = tag;
        this.slot = slot;
    }

    /**
     * Describes a new request.
     *
     * @param offsetBytes the device address of its start; for a zone operation and an append, the start of the zone
     * @param lengthBytes the length of its data, 0 for none
     * @param forceUnitAccess whether a write must be durable when it completes
     */
    public void set(BlockOp op, long offsetBytes, int lengthBytes, boolean forceUnitAccess) {
        this.op = op;
        this.offsetBytes = offsetBytes;
        this.lengthBytes = lengthBytes;
        this.forceUnitAccess = forceUnitAccess;
        step = Step.START;
        result = 0;
        transferred = false;
        wasShown = false;
        fault = null;
        entries = List.of();
        journaled = false;
        partCount = 0;
    }

    boolean isCompared() {
        return repeat == Repeat.COMPARING || repeat == Repeat.DIFFERENT;
    }

    public RequestQueue queue() {
        return queue;
    }

    public int tag() {
        return tag;
    }

    int slot() {
        return slot;
    }

    public BlockOp op() {
        return op;
    }

    /**
     * Returns the device address of the request in bytes. After an append has completed, it is the address of its data.
     */
    public long offsetBytes() {
        return offsetBytes;
    }

    public int lengthBytes() {
        return lengthBytes;
    }

    public boolean forceUnitAccess() {
        return forceUnitAccess;
    }

    long endBytes() {
        return offsetBytes + lengthBytes;
    }

    /** Hands the request to its queue for completion, with the bytes transferred or -errno. */
    void complete(int completionResult) {
        result = completionResult;
        step = Step.COMPLETE;
        queue.handOver(this);
    }

    /** Drops the end of the request's data, which does not take effect. */
    void shorten(long keptBytes) {
        lengthBytes = (int) Math.min(lengthBytes, keptBytes);
    }

    /** Sets the place of an append. */
    void place(long placedOffsetBytes) {
        offsetBytes = placedOffsetBytes;
    }

    /**
     * Adds a part after the last one; {@code imageOffset} is {@link io.ublkzoned.engine.qcow2.ZoneMap#HOLE} for zeros.
     */
    void addPart(long imageOffset, int length) {
        if (partCount == partLength.length) {
            partLength = Arrays.copyOf(partLength, 2 * partCount);
            partImageOffset = Arrays.copyOf(partImageOffset, 2 * partCount);
        }
        partImageOffset[partCount] = imageOffset;
        partLength[partCount++] = length;
    }

    /** Makes a part begin at this offset in the request, if it is inside of one. */
    void splitPartAt(long offsetBytesInRequest) {
        long start = 0;
        for (int i = 0; i < partCount; i++) {
            long kept = offsetBytesInRequest - start;
            if (kept > 0 && kept < partLength[i]) {
                int rest = partLength[i] - (int) kept;
                addPart(HOLE, 0); // makes room
                System.arraycopy(partLength, i, partLength, i + 1, partCount - 1 - i);
                System.arraycopy(partImageOffset, i, partImageOffset, i + 1, partCount - 1 - i);
                partLength[i] = (int) kept;
                partLength[i + 1] = rest;
                partImageOffset[i + 1] += partImageOffset[i] == HOLE ? 0 : kept;
                return;
            }
            start += partLength[i];
        }
    }
}
