package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A queue without a thread, and the kernel's side of it. A request that was handed over proceeds when the test says so. The
 * kernel takes an answer at once, or, with {@link #holdAnswers}, when the test says so. What it has not taken when the server
 * dies it sends again to the next one, if the test wants that.
 */
public final class FakeQueue implements RequestQueue {

    public final FakePort port;

    /** Finished requests, in the order in which the kernel took their answers, unless a listener is told of them. */
    public final List<IoCall> completed = new ArrayList<>();

    private final World world;
    private final int firstSlot;
    private final ArrayDeque<BlockRequest> freeTags = new ArrayDeque<>();
    private final @Nullable IoCall[] underWay;
    private final ArrayDeque<BlockRequest> handedOver = new ArrayDeque<>(); // guarded by itself
    private final List<IoCall> offered = new ArrayList<>();
    private Consumer<IoCall> listener = completed::add;
    private Runnable whenTaken = () -> {};
    private boolean answersAreHeld;
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

    /** Is told of every request whose answer the kernel has taken. */
    public void listen(Consumer<IoCall> newListener) {
        listener = newListener;
    }

    /** From now on the kernel takes answers by {@link #takeAnswers} only, also those of the next server. */
    public void holdAnswers() {
        answersAreHeld = true;
    }

    /** The kernel takes all answers that it was offered. */
    public void takeAnswers() {
        while (!offered.isEmpty()) {
            take(offered.removeFirst());
        }
    }

    /** From now on, until it dies, the server offers no answer: the kernel will send each request again. */
    public void loseAnswers() {
        answersAreLost = true;
    }

    /** Runs at the moment at which the kernel has taken an answer, where the server may die. */
    void whenTaken(Runnable action) {
        whenTaken = action;
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

    /** As {@link #submit}, with a tag that is free. */
    public IoCall submitAs(int tag, BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        IoCall call = new IoCall(takeTag(tag), op, offset, data, forceUnitAccess);
        begin(call);
        send(call);
        return call;
    }

    /** Takes a tag for a request, which begins now. */
    IoCall prepare(BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        IoCall call = new IoCall(freeTags.remove(), op, offset, data, forceUnitAccess);
        begin(call);
        return call;
    }

    private BlockRequest takeTag(int tag) {
        BlockRequest request =
                freeTags.stream().filter(free -> free.tag() == tag).findFirst().orElseThrow();
        freeTags.remove(request);
        return request;
    }

    private void begin(IoCall call) {
        call.begun = world.tick();
        underWay[call.request.tag()] = call;
    }

    /** Gives a prepared or reserved request to the device; it may be finished when this returns. */
    void send(IoCall call) {
        call.request.set(call.op, call.offset, call.data.length, call.forceUnitAccess);
        call.sent = true;
        device().submit(call.request);
    }

    /** Keeps the tag of a request that the kernel will send again, for {@link #send}. */
    void reserve(IoCall call) {
        reserve(call, takeTag(call.request.tag()));
    }

    /** Keeps another tag for a request that the kernel will send again, as an I/O scheduler does. */
    void reserveAnother(IoCall call) {
        reserve(call, freeTags.removeLast());
    }

    private void reserve(IoCall call, BlockRequest request) {
        call.request = request;
        call.sent = false;
        call.offered = false;
        underWay[request.tag()] = call;
    }

    /** The requests that {@link #reserve} has given a tag, and that were not sent yet. */
    Stream<IoCall> reserved() {
        return Arrays.stream(underWay).filter(Objects::nonNull).filter(call -> !call.sent);
    }

    IoCall callOf(BlockRequest request) {
        IoCall call = underWay[request.tag()];
        if (call == null || call.request != request || call.offered) {
            throw new AssertionError("not a request of this queue that is under way: tag " + request.tag());
        }
        return call;
    }

    /** Whether a request was handed over, with which the queue can proceed. */
    boolean hasHandedOver() {
        return !handedOver.isEmpty();
    }

    /** Proceeds with one request that was handed over; false if there is none. */
    public boolean proceedOnce() {
        BlockRequest request;
        synchronized (handedOver) {
            request = handedOver.poll();
        }
        if (request == null) {
            return false;
        }
        device().proceed(request);
        return true;
    }

    /**
     * The server is killed. Of the writes under way those sectors are done that survive.
     *
     * @return the requests whose answers the kernel has not taken
     */
    public List<IoCall> forgetAll(SimulatedDisk.Survival survival) {
        port.forgetAll(survival);
        List<IoCall> unanswered = new ArrayList<>();
        for (IoCall call : underWay) {
            if (call != null) {
                call.place = call.wasPlaced() ? call.request.offsetBytes() : call.place;
                call.carriedOut |= call.offered && call.result >= 0;
                underWay[call.request.tag()] = null;
                unanswered.add(call);
            }
        }
        freeTags.clear();
        for (int tag = 0; tag < underWay.length; tag++) {
            freeTags.add(newRequest(tag));
        }
        handedOver.clear();
        offered.clear();
        answersAreLost = false;
        return unanswered;
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
        call.offered = true;
        call.result = result;
        call.settled &= call.place == request.offsetBytes();
        call.place = request.offsetBytes();
        if (call.op == BlockOp.ZONE_APPEND && result >= 0 && !answersAreLost) {
            device().answering(request);
        }
        if (answersAreHeld) {
            offered.add(call);
        } else {
            take(call);
        }
    }

    private void take(IoCall call) {
        call.done = true;
        call.ended = world.tick();
        underWay[call.request.tag()] = null;
        listener.accept(call);
        whenTaken.run();
        freeTags.add(call.request);
    }

    @Override
    public void handOver(BlockRequest request) {
        callOf(request);
        synchronized (handedOver) {
            handedOver.add(request);
        }
    }
}
