package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A queue without a thread: what was handed over to it goes on when the test says so. */
public final class FakeQueue implements RequestQueue {

    public final FakePort port;

    /** Finished requests, in the order in which the device completed them, unless a listener is told of them. */
    public final List<IoCall> completed = new ArrayList<>();

    private final World world;
    private final int firstSlot;
    private final ArrayDeque<BlockRequest> freeTags = new ArrayDeque<>();
    private final @Nullable IoCall[] underWay;
    private final ArrayDeque<BlockRequest> handedOver = new ArrayDeque<>();
    private Consumer<IoCall> listener = completed::add;
    private boolean answersAreLost;

    FakeQueue(World world, SimulatedDisk image, int depth, int firstSlot) {
        this.world = world;
        this.firstSlot = firstSlot;
        port = new FakePort(this, image);
        underWay = new IoCall[depth];
        for (int tag = 0; tag < depth; tag++) {
            freeTags.add(newRequest(tag));
        }
    }

    private BlockRequest newRequest(int tag) {
        return new BlockRequest(this, tag, firstSlot + tag);
    }

    ZonedDevice device() {
        return world.device();
    }

    /** Is told of every completion. */
    public void listen(Consumer<IoCall> newListener) {
        listener = newListener;
    }

    /** From now on, until the server dies, the kernel takes no answer: it will send each request again. */
    public void loseAnswers() {
        answersAreLost = true;
    }

    boolean hasFreeTag() {
        return !freeTags.isEmpty();
    }

    /** Whether no request is under way. */
    boolean isIdle() {
        return freeTags.size() == underWay.length;
    }

    /** Sends a request; it may be finished when this returns. */
    public IoCall submit(BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        IoCall call = prepare(op, offset, data, forceUnitAccess);
        send(call);
        return call;
    }

    /** As {@link #submit}, with a tag that is free: the kernel sends a request again with the one it had. */
    public IoCall submitAs(int tag, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        BlockRequest request =
                freeTags.stream().filter(free -> free.tag() == tag).findFirst().orElseThrow();
        freeTags.remove(request);
        IoCall call = begin(request, op, offset, data, forceUnitAccess);
        send(call);
        return call;
    }

    /** Takes a tag for a request, which begins now. */
    IoCall prepare(BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        return begin(freeTags.remove(), op, offset, data, forceUnitAccess);
    }

    private IoCall begin(BlockRequest request, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        request.set(op, offset, data.length, forceUnitAccess);
        IoCall call = new IoCall(request, op, offset, data, forceUnitAccess);
        call.begun = world.tick();
        underWay[request.tag()] = call;
        return call;
    }

    /** Gives a prepared request to the device; it may be finished when this returns. */
    void send(IoCall call) {
        device().submit(call.request);
    }

    IoCall callOf(BlockRequest request) {
        IoCall call = underWay[request.tag()];
        if (call == null || call.request != request) {
            throw new AssertionError("not a request of this queue that is under way: tag " + request.tag());
        }
        return call;
    }

    /** Proceeds with one request that was handed over; false if there is none. */
    public boolean proceedOnce() {
        BlockRequest request = handedOver.poll();
        if (request == null) {
            return false;
        }
        device().proceed(request);
        return true;
    }

    /** Forgets all requests, as a server that was killed. Of the writes under way those sectors are done that survive. */
    void forgetAll(SimulatedDisk.Survival survival) {
        port.forgetAll(survival);
        for (IoCall call : underWay) {
            if (call != null) {
                call.place = call.request.offsetBytes();
                underWay[call.request.tag()] = null;
            }
        }
        freeTags.clear();
        for (int tag = 0; tag < underWay.length; tag++) {
            freeTags.add(newRequest(tag));
        }
        handedOver.clear();
        answersAreLost = false;
    }

    @Override
    public DataPort dataPort() {
        return port;
    }

    @Override
    public void completed(BlockRequest request, int result) {
        IoCall call = callOf(request);
        if (port.heldParts(call) != 0) {
            throw new AssertionError("completed while its data still moves: " + call);
        }
        call.done = true;
        call.result = result;
        call.place = request.offsetBytes();
        call.ended = world.tick();
        if (call.op == BlockOp.ZONE_APPEND && result >= 0 && !answersAreLost) {
            device().answering(request);
        }
        underWay[request.tag()] = null;
        freeTags.add(request);
        listener.accept(call);
    }

    @Override
    public void handOver(BlockRequest request) {
        callOf(request);
        handedOver.add(request);
    }
}
