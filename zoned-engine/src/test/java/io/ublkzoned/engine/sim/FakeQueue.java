package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A queue without a thread, together with the kernel's side of it. A request that was handed over proceeds when the
 * test decides. The kernel takes a result immediately or, after {@link #holdAnswers}, when the test decides. If the
 * server dies, the kernel can send the requests whose results it has not taken to the next server.
 */
public final class FakeQueue implements RequestQueue {

    public final FakePort port;

    /** The completed requests, in the order in which the kernel took their results, unless a listener receives them. */
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

    /** Sets the receiver of every request whose result the kernel has taken. */
    public void listen(Consumer<IoCall> newListener) {
        listener = newListener;
    }

    /** Makes the kernel take results only in {@link #takeAnswers} from now on, also those of the next server. */
    public void holdAnswers() {
        answersAreHeld = true;
    }

    /** Takes all offered results, as the kernel does. */
    public void takeAnswers() {
        while (!offered.isEmpty()) {
            take(offered.removeFirst());
        }
    }

    /** Loses all results until the server dies, so the kernel will send each request again. */
    public void loseAnswers() {
        answersAreLost = true;
    }

    /** Sets an action to run when the kernel has taken a result. The server may die there. */
    void whenTaken(Runnable action) {
        whenTaken = action;
    }

    boolean hasFreeTag() {
        return !freeTags.isEmpty();
    }

    /** Returns whether no request is in flight. */
    boolean isIdle() {
        return freeTags.size() == underWay.length;
    }

    /** Sends a request. It may be completed when this returns. */
    public IoCall submit(BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        IoCall call = prepare(op, offset, data, forceUnitAccess);
        send(call);
        return call;
    }

    /** Like {@link #submit}, with a chosen free tag. */
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

    /** Submits a prepared or reserved request to the device. It may be completed when this returns. */
    void send(IoCall call) {
        call.request.set(call.op, call.offset, call.lengthBytes, call.forceUnitAccess);
        call.sent = true;
        device().submit(call.request);
    }

    /** Reserves the tag of a request that the kernel will send again with {@link #send}. */
    void reserve(IoCall call) {
        reserve(call, takeTag(call.request.tag()));
    }

    /** Reserves another tag for a request that the kernel will send again, as an I/O scheduler does. */
    void reserveAnother(IoCall call) {
        reserve(call, freeTags.removeLast());
    }

    private void reserve(IoCall call, BlockRequest request) {
        call.request = request;
        call.sent = false;
        call.offered = false;
        underWay[request.tag()] = call;
    }

    /** Returns the requests that {@link #reserve} gave a tag and that have not been sent. */
    Stream<IoCall> reserved() {
        return Arrays.stream(underWay).filter(Objects::nonNull).filter(call -> !call.sent);
    }

    IoCall callOf(BlockRequest request) {
        IoCall call = underWay[request.tag()];
        if (call == null || call.request != request || call.offered) {
            throw new AssertionError("not a request of this queue in flight: tag " + request.tag());
        }
        return call;
    }

    /** Returns whether a request was handed over and can proceed. */
    public boolean hasHandedOver() {
        return !handedOver.isEmpty();
    }

    /** Proceeds with one request that was handed over. Returns false if none was. */
    public boolean proceedWithNext() {
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
     * Kills the server. Surviving sectors of the writes in flight are in the image.
     *
     * @return the requests whose results the kernel has not taken
     */
    public List<IoCall> forgetAll(SimulatedDisk.Survival survival) {
        port.forgetAll(survival);
        List<IoCall> unanswered = new ArrayList<>();
        for (IoCall call : underWay) {
            if (call != null) {
                call.place = call.wasPlaced() ? call.request.offsetBytes() : call.place;
                call.carriedOut |= call.offered && InjectedFaults.isCarriedOut(call.result);
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
        if (call.op == BlockOp.ZONE_APPEND && !answersAreLost) {
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
