package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.zone.BlockErrors;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The faults around the engine. The machine or the server dies within a call on the image, after a store to the saved
 * state, or when the kernel takes a result; a call on the image fails. It also lets the queues' threads run within a
 * call.
 */
final class Trouble {

    /** The loss of everything in memory within a call, which the engine cannot handle. */
    static final class Crash extends Error {
        private static final long serialVersionUID = 1L;

        Crash() {
            super("the simulated machine died", null, false, false);
        }
    }

    private static final int NEVER = 0;

    /** The maximum number of calls, far more than any workload needs. An engine in an endless loop exceeds it. */
    private static final int CALLS_MAX = 100_000;

    private static final Call[] BREAKABLE = {
        Call.WRITE, Call.WRITE, Call.READ, Call.PUNCH, Call.SYNC, Call.SET_SIZE,
    };

    private final Trace trace;
    private final boolean holes;
    private Consumer<Call> duringCall = call -> {};

    private int calls;
    private int callsToCrash = NEVER;
    private boolean crashIsPowerCut;

    private boolean faultsAreOn;
    private boolean wasFaulty;
    private @Nullable Call callToFail;
    private int callsToFailure;
    private int failure;

    /** @param holes whether the file system can make holes */
    Trouble(SimulatedDisk disk, Trace trace, boolean holes) {
        this.trace = trace;
        this.holes = holes;
        disk.listen(this::called);
        disk.failWhere(this::fault);
    }

    /** Makes the machine or the server die within the {@code calls}th call from now that changes something. */
    void crashSoon(int callsLeft, boolean powerCut) {
        callsToCrash = callsLeft;
        crashIsPowerCut = powerCut;
    }

    void dontCrash() {
        callsToCrash = NEVER;
    }

    boolean crashIsPowerCut() {
        return crashIsPowerCut;
    }

    /** Makes one of the next calls fail, as the dice decide. */
    void failSoon(long dice, int errno) {
        callToFail = BREAKABLE[(int) ((dice >>> 32) & 0xffff) % BREAKABLE.length];
        callsToFailure = 1 + (int) (dice >>> 60);
        failure = errno;
    }

    void switchFaults(boolean on) {
        faultsAreOn = on;
    }

    boolean faultsAreOn() {
        return faultsAreOn;
    }

    /** Forgets earlier failures, because the image is opened again. */
    void forget() {
        wasFaulty = false;
        callToFail = null;
    }

    /** Records a failure, after which requests may fail. */
    void happened() {
        wasFaulty = true;
    }

    boolean hasHappened() {
        return wasFaulty;
    }

    /**
     * Sets an action that runs within each call on the image from now on, after the call has had its effect in memory.
     */
    void duringCalls(Consumer<Call> action) {
        duringCall = action;
    }

    private void called(Call call, long offset, long length) {
        trace.add(call, offset, length, 0);
        if (++calls > CALLS_MAX) {
            throw new AssertionError("the device is in an endless loop");
        }
        if (call != Call.READ && call != Call.DATA_READ) {
            dieIfItIsTime();
        }
        duringCall.accept(call);
        YieldPoints.pause();
    }

    /** Records that the engine has stored a word of its state. */
    void stored() {
        dieIfItIsTime();
        YieldPoints.pause();
    }

    /** Records that the kernel has taken a result. */
    void answered() {
        dieIfItIsTime();
        YieldPoints.pause();
    }

    private void dieIfItIsTime() {
        if (callsToCrash > NEVER && --callsToCrash == NEVER) {
            die(crashIsPowerCut);
        }
    }

    /** Makes the machine or the server die now. */
    void die(boolean powerCut) {
        crashIsPowerCut = powerCut;
        Crash crash = new Crash();
        YieldPoints.stopAll(crash);
        throw crash;
    }

    private int fault(Call call, long offset, long length) {
        if (!faultsAreOn) {
            return 0;
        }
        boolean noHoles = call == Call.PUNCH && !holes;
        if (!noHoles && (call != callToFail || --callsToFailure > 0)) {
            return 0;
        }
        wasFaulty = true;
        if (noHoles) {
            return BlockErrors.EOPNOTSUPP;
        }
        callToFail = null;
        return failure;
    }
}
