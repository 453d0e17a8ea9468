package io.ublkzoned.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.FaultOutcome;
import io.ublkzoned.engine.fault.FaultOutcome.CutPower;
import io.ublkzoned.engine.fault.FaultOutcome.Failure;
import io.ublkzoned.engine.fault.FaultOutcome.LoseUnflushed;
import io.ublkzoned.engine.fault.FaultOutcome.Pointer;
import io.ublkzoned.engine.fault.FaultOutcome.Wear;
import io.ublkzoned.engine.fault.FaultRule;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The faults of a device: the rules in force, and their effect on each new request.
 *
 * <p>Any thread may call the public methods, which take the device's lock. The others belong to the data path, under
 * the lock unless they say otherwise.
 */
public final class DeviceFaults {

    /**
     * A rule in force.
     *
     * @param matched the requests that matched it so far
     * @param hits those that it has hit
     * @param waiting those that it delays or stalls now
     */
    public record Armed(int id, FaultRule rule, long matched, long hits, int waiting) {}

    private static final int NO_ZONE = -1;

    private final Object lock;
    private final DeviceZones zones;
    private final UnflushedResets resets;
    private final RequestStarter starter;
    private final PendingWork work;
    private final FailureLog failures;

    @GuardedBy("lock")
    private final ArrayList<ArmedRule> rules = new ArrayList<>();

    @GuardedBy("lock")
    private int lastId;

    @GuardedBy("lock")
    private boolean ended;

    @GuardedBy("lock")
    private boolean isRecorded;

    @GuardedBy("lock")
    private boolean powerCutIsExpected;

    @GuardedBy("lock")
    private Consumer<AfterCut> whenPowerIsCut = then -> {};

    /** Not null once the power is cut. Written under the lock. */
    private volatile @Nullable PowerCut powerCut;

    DeviceFaults(
            Object lock,
            DeviceZones zones,
            UnflushedResets resets,
            RequestStarter starter,
            PendingWork work,
            FailureLog failures) {
        this.lock = lock;
        this.zones = zones;
        this.resets = resets;
        this.starter = starter;
        this.work = work;
        this.failures = failures;
    }

    /**
     * Puts a rule in force, behind the others. Each request that the device receives from now on is shown to the rules
     * in their order, until one hits it.
     *
     * @param timer wakes the requests that the rule delays
     * @return the number of the rule, from 1
     * @throws IllegalArgumentException with a sentence if the device cannot show such a fault
     */
    public int add(FaultRule rule, FaultTimer timer) {
        synchronized (lock) {
            if (ended) {
                throw new IllegalArgumentException("the device is being detached");
            }
            rule.requireFits(zones.geometry(), zones.blockBytes());
            if (isRecorded && !rule.fitsLog()) {
                throw new IllegalArgumentException(
                        "the device is recorded, and its log cannot show what --lose and --make-zone do");
            }
            rules.add(new ArmedRule(++lastId, rule, timer));
            switchUndo();
            return lastId;
        }
    }

    /** Refuses rules whose effect a write log cannot show. */
    void deviceIsRecorded() {
        synchronized (lock) {
            isRecorded = true;
        }
    }

    /** Returns the rules in force, in the order in which they were added. */
    public List<Armed> list() {
        synchronized (lock) {
            return rules.stream().map(ArmedRule::report).toList();
        }
    }

    /**
     * Removes a rule. The requests that it delays or stalls are carried out.
     *
     * @return false if no rule has this number
     */
    public boolean remove(int id) {
        synchronized (lock) {
            Optional<ArmedRule> found =
                    rules.stream().filter(rule -> rule.id == id).findFirst();
            found.ifPresent(rule -> {
                rule.endAll();
                rules.remove(rule);
                switchUndo();
            });
            return found.isPresent();
        }
    }

    /** Removes all rules. The requests that they delay or stall are carried out. */
    public void removeAll() {
        synchronized (lock) {
            rules.forEach(ArmedRule::endAll);
            rules.clear();
            switchUndo();
        }
    }

    /**
     * Saves from now on what {@link #cutPower} needs to undo unflushed resets, and unflushed writes to conventional
     * zones. A rule with a power cut does the same while it is in force.
     */
    public void expectPowerCut() {
        synchronized (lock) {
            powerCutIsExpected = true;
            switchUndo();
        }
    }

    /** Returns whether {@link #expectPowerCut} was called. */
    public boolean expectsPowerCut() {
        synchronized (lock) {
            return powerCutIsExpected;
        }
    }

    @GuardedBy("lock")
    private void switchUndo() {
        if (powerCut == null) {
            boolean isExpected =
                    powerCutIsExpected || rules.stream().anyMatch(armed -> armed.rule.outcome() instanceof CutPower);
            zones.journal().switchOn(isExpected);
            resets.switchOn(isExpected);
        }
    }

    /** Removes all rules for good, because the device is being detached. */
    public void end() {
        synchronized (lock) {
            ended = true;
            removeAll();
        }
    }

    /** Releases all stalled requests, which are then carried out. Returns their number. */
    public int release() {
        synchronized (lock) {
            return rules.stream()
                    .filter(rule -> rule.rule.delay().isStall())
                    .mapToInt(ArmedRule::endAll)
                    .sum();
        }
    }

    /**
     * Sets what happens when the power is cut. Called once, under the device's lock, so it must not block. It should
     * make the user close the device.
     *
     * @param action gets the fate of the device
     */
    public void whenPowerIsCut(Consumer<AfterCut> action) {
        synchronized (lock) {
            whenPowerIsCut = action;
        }
    }

    /**
     * Cuts the power of the device. From now on every request fails, also those in flight, and no rule is in force. When
     * the device is closed, its image is as after a power cut. Only the first cut counts.
     *
     * @return whether this cut is the first
     */
    public boolean cutPower(PowerCut cut, AfterCut then) {
        synchronized (lock) {
            if (powerCut != null) {
                return false;
            }
            powerCut = cut;
            zones.endState(); // or a next server would find what this one has acknowledged
            end();
            whenPowerIsCut.accept(then);
            return true;
        }
    }

    /** Returns the power cut, or null if none has happened. Needs no lock. */
    @Nullable
    PowerCut powerCut() {
        return powerCut;
    }

    private void endWait(ArmedRule rule, ArmedRule.Wait wait) {
        synchronized (lock) {
            rule.end(wait);
        }
    }

    /** Starts a request as the rules demand. Returns the same values as {@link RequestStarter#start}. */
    @SuppressWarnings("GuardedBy") // asserted
    int start(BlockRequest request) {
        assert Thread.holdsLock(lock);
        if (rules.isEmpty() && powerCut == null && request.fault == null) {
            request.wasShown = true;
            return starter.start(request);
        }
        return powerCut != null ? -BlockErrors.EIO : startShown(request);
    }

    @GuardedBy("lock")
    private int startShown(BlockRequest request) {
        if (!request.wasShown) {
            request.wasShown = true;
            ArmedRule rule = findHit(request);
            if (rule != null) {
                request.fault = rule.rule.outcome();
                if (wait(rule, request)) {
                    return RequestStarter.WAITING;
                }
            }
        }
        return switch (request.fault) {
            case null -> starter.start(request);
            case FaultOutcome.Normal normal -> starter.start(request);
            case Wear wear -> wearOut(request, wear);
            case Failure failure -> fail(request, failure);
            case LoseUnflushed loss -> lose(request, loss);
            case CutPower power -> {
                cutPower(power.cut(), power.then());
                yield -BlockErrors.EIO;
            }
        };
    }

    /** Returns the first rule that hits a request. The rules behind it do not count the request. */
    @GuardedBy("lock")
    private @Nullable ArmedRule findHit(BlockRequest request) {
        int zone = zoneOf(request);
        boolean isSequential = zone != NO_ZONE && !zones.table().zone(zone).isConventional();
        for (ArmedRule rule : rules) {
            if (rule.hits(request, zone, isSequential)) {
                return rule;
            }
        }
        return null;
    }

    private int zoneOf(BlockRequest request) {
        boolean ofAllZones = request.op() == BlockOp.FLUSH || request.op() == BlockOp.ZONE_RESET_ALL;
        boolean hasZone = !ofAllZones && zones.geometry().contains(request.offsetBytes());
        return hasZone ? zones.table().indexOf(request.offsetBytes()) : NO_ZONE;
    }

    /** Makes a request wait as the rule says. Returns false if it need not. */
    private boolean wait(ArmedRule rule, BlockRequest request) {
        if (rule.rule.delay().isNone()) {
            return false;
        }
        ArmedRule.Wait wait = rule.add(request);
        if (!rule.rule.delay().isStall()) {
            rule.timer.schedule(rule.drawDelayNanos(), () -> endWait(rule, wait));
        }
        return true;
    }

    /** Changes the condition of the request's zone. The request then restarts, and meets that condition. */
    private int wearOut(BlockRequest request, Wear wear) {
        ActiveZone zone = zones.at(request.offsetBytes());
        request.fault = null;
        if (zone.zone.condition().isFailed()) {
            return starter.start(request);
        }
        ZoneChange.Wear change = new ZoneChange.Wear(List.of(zone), wear.condition());
        CompletableFuture<?> _ = change.done.whenComplete((done, failure) -> {
            if (failure == null) {
                request.queue().handOver(request);
            } else {
                request.complete(failures.logAndGetErrno("making a zone " + wear.condition(), failure));
            }
        });
        work.add(change);
        return RequestStarter.WAITING;
    }

    /**
     * Fails a flush, and loses what was not flushed, once all zones that can lose something are idle. If active zones are
     * limited, these are all zones; otherwise a zone that becomes active now could exceed the limit together with those
     * that become active again.
     */
    private int lose(BlockRequest flush, LoseUnflushed loss) {
        boolean withConventional = zones.journal().isOn();
        boolean isLimited = zones.geometry().maxActiveZones() != 0;
        List<ActiveZone> affected = IntStream.range(0, zones.count())
                .filter(i -> zones.table().zone(i).isConventional()
                        ? withConventional
                        : isLimited || zones.ifActive(i) != null)
                .mapToObj(zones::active)
                .toList();
        work.add(new ZoneChange.Loss(flush, affected, loss.result(), withConventional));
        return RequestStarter.WAITING;
    }

    /** Starts a request that fails. Carries out the part that takes effect. */
    private int fail(BlockRequest request, Failure failure) {
        if (failure.hasNoEffect()) {
            starter.forgetRepeat(request);
            return failure.result();
        }
        if (request.op().movesData() && failure.pointer() != Pointer.ADVANCED) {
            request.shorten(failure.keptBytes());
        }
        return starter.start(request);
    }

    /** Prepares a request whose parts are about to be moved. */
    static void beforeTransfer(BlockRequest request) {
        if (request.fault instanceof Failure failure && failure.pointer() == Pointer.ADVANCED) {
            request.splitPartAt(failure.keptBytes());
        }
    }

    /** Returns the result of a transfer in which nothing went wrong. Needs no lock. */
    static int resultOfTransfer(BlockRequest request) {
        boolean unmoved = request.fault instanceof Failure failure && failure.pointer() == Pointer.UNMOVED;
        return unmoved ? resultOfFault(request, 0) : request.lengthBytes();
    }

    /** Returns the result that the kernel gets for a request with this result. Needs no lock. */
    int resultForKernel(BlockRequest request, int result) {
        return result >= 0 && powerCut != null ? -BlockErrors.EIO : resultOfFault(request, result);
    }

    private static int resultOfFault(BlockRequest request, int result) {
        return result >= 0 && request.fault instanceof Failure failure ? failure.result() : result;
    }
}
