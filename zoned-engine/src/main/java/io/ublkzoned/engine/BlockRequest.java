package io.ublkzoned.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One request to the device: made once per tag, filled in by its queue, reused for ever.
 *
 * <p>On the data path. Between {@link ZonedDevice#submit} and {@link RequestQueue#completed} it belongs to the engine.
 * It stands in at most one {@link RequestList} at a time.
 */
public final class BlockRequest {

    /** What {@link ZonedDevice#proceed} has to do with a request that was handed over. */
    enum Step {
        START,
        COMPLETE
    }

    /** Whether an append is one that the last server had carried out, and that the kernel sends again. */
    enum Repeat {
        /** The first request of its slot: it may be. */
        POSSIBLE,
        /** Its data is being compared with what lies where the earlier one's went. */
        COMPARING,
        /** The same, and some of it differs. */
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

    // The engine's part: the queue's thread writes it while the request is its own, the device's lock guards it after.
    Step step = Step.START;
    Repeat repeat = Repeat.POSSIBLE;

    @Nullable
    BlockRequest next;

    int result;
    boolean transferred;
    int partsPending;
    int partCount;
    int[] partLength = new int[INITIAL_PARTS];
    long[] partImageOffset = new long[INITIAL_PARTS];

    /**
     * @param queue the queue that the request comes from, for ever
     * @param tag its number there
     * @param slot its number among those of all queues, the same in the next server: see {@link DeviceState}
     */
    public BlockRequest(RequestQueue queue, int tag, int slot) {
        this.queue = queue;
        this.tag = tag;
        this.slot = slot;
    }

    /**
     * Describes a new request.
     *
     * @param offsetBytes where it starts on the device; for a zone operation and an append, the start of the zone
     * @param lengthBytes how much data it carries, 0 for none
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

    /** Where the request starts on the device, in bytes; after an append has completed, where its data went. */
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

    /** Has its queue complete it, with bytes or -errno. */
    void complete(int completionResult) {
        result = completionResult;
        step = Step.COMPLETE;
        queue.handOver(this);
    }

    /** An append has been given its place. */
    void place(long placedOffsetBytes) {
        offsetBytes = placedOffsetBytes;
    }

    /** Adds a part that follows the last one; {@code imageOffset} is {@link io.ublkzoned.engine.qcow2.ZoneMap#HOLE} for zeros. */
    void addPart(long imageOffset, int length) {
        if (partCount == partLength.length) {
            partLength = Arrays.copyOf(partLength, 2 * partCount);
            partImageOffset = Arrays.copyOf(partImageOffset, 2 * partCount);
        }
        partImageOffset[partCount] = imageOffset;
        partLength[partCount++] = length;
    }
}
