package io.ublkzoned.engine.sim;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.ublkzoned.engine.fault.FaultError;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The fault rules of a life. The error of each tells the models what the device has done, so that they can demand the
 * same as of a device without faults.
 */
final class InjectedFaults {

    private static final int NO_ZONE = -1;

    /** The device has done nothing. */
    private static final FaultError NOTHING = FaultError.ENODATA;

    /** The device has done everything. */
    private static final FaultError ALL = FaultError.EILSEQ;

    /** The device has kept the first block of a write. */
    private static final FaultError FIRST_BLOCK = FaultError.ETIMEDOUT;

    /** The data of an append is above the write pointer. */
    private static final FaultError UNMOVED = FaultError.ETIME;

    /** The first zones of a reset of all zones are reset. */
    private static final FaultError SOME_ZONES = FaultError.EREMOTEIO;

    /** The device has lost what was not flushed, or is about to. */
    private static final FaultError LOST = FaultError.ENOLINK;

    private final int blockBytes;
    private final List<String> rules = new ArrayList<>();

    /** The zone whose writes are kept in part. */
    private final int zoneOfFirstBlocks;

    private InjectedFaults(int blockBytes, int zoneOfFirstBlocks) {
        this.blockBytes = blockBytes;
        this.zoneOfFirstBlocks = zoneOfFirstBlocks;
    }

    static InjectedFaults none() {
        return new InjectedFaults(TestData.SECTOR, NO_ZONE);
    }

    /** Draws rules. */
    static InjectedFaults draw(SplittableRandom random, FormatOptions options, int blockBytes) {
        DeviceGeometry geometry = options.geometry();
        int last = geometry.zoneCount() - 1;
        boolean inPart = random.nextBoolean();
        InjectedFaults drawn = new InjectedFaults(blockBytes, inPart ? last : NO_ZONE);
        if (inPart) {
            for (String op : List.of("append", "write")) {
                drawn.add("--on %s --zones %d --keep %d --error %s --times 0", op, last, blockBytes, FIRST_BLOCK);
            }
        }
        if (random.nextBoolean()) {
            drawn.add("--on any --zones %d --times 0 --keep all --error %s", random.nextInt(last + 1), ALL);
        }
        if (random.nextBoolean()) {
            drawn.add("--on append --every 3 --keep all --pointer unmoved --error %s", UNMOVED);
        }
        for (String op : List.of("read", "write", "append", "flush")) {
            if (random.nextInt(3) == 0) {
                drawn.add("--on %s --chance 1/3 --seed %d --error %s", op, random.nextInt(1000), NOTHING);
            }
        }
        if (random.nextBoolean()) {
            drawn.add("--on flush --every 2 --keep all --error %s", ALL);
        }
        if (random.nextBoolean()) {
            drawn.add("--on reset-all --every 2 --keep-zones %d --error %s", 1 + random.nextInt(3), SOME_ZONES);
        }
        if (random.nextBoolean()) {
            drawn.add("--on any --chance 1/4 --seed %d --delay 1ms-2ms", random.nextInt(1000));
        }
        if (random.nextBoolean()) {
            drawn.add("--on flush --chance 1/2 --seed %d --lose unflushed --error %s", random.nextInt(1000), LOST);
        }
        return drawn;
    }

    @FormatMethod
    private void add(@FormatString String rule, Object... values) {
        rules.add(rule.formatted(values));
    }

    /** Returns the rules as they are typed. */
    List<String> rules() {
        return rules;
    }

    /** Tells a request that is about to be sent which of its data will take effect. */
    void prepare(IoCall call, int zone) {
        if (call.isWrite() && zone == zoneOfFirstBlocks) {
            call.keepOnly(blockBytes);
        }
    }

    /** Returns whether a result says that the device has carried the request out. */
    static boolean isCarriedOut(int result) {
        return result >= 0 || result == -ALL.errno() || result == -FIRST_BLOCK.errno();
    }

    /**
     * Replaces the error of a request that the device has carried out.
     *
     * @return whether the error is one of these rules
     */
    static boolean explain(IoCall call) {
        if (call.result < 0 && isCarriedOut(call.result)) {
            call.result = call.data.length;
            return true;
        }
        return call.result == -NOTHING.errno()
                || call.result == -UNMOVED.errno()
                || call.result == -SOME_ZONES.errno()
                || call.result == -LOST.errno();
    }

    /** Returns whether the device may have lost what was not flushed because of this request, if it has ended or not. */
    boolean mayLoseUnflushed(IoCall call) {
        return call.op == BlockOp.FLUSH && (call.done ? call.result == -LOST.errno() : loseUnflushed());
    }

    /** Returns whether a rule makes the device lose what was not flushed. */
    boolean loseUnflushed() {
        return rules.stream().anyMatch(rule -> rule.contains("--lose"));
    }

    @Override
    public String toString() {
        return rules.toString();
    }
}
