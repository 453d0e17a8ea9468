package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.Trouble.Crash;
import io.ublkzoned.engine.sim.Workload.Trait;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The servers of a simulation, one after the other on the same disk. It starts each, ends it in every way that a server
 * ends, and checks the image after each start and close.
 */
final class SimulatedServers {

    /** The maximum number of calls on the image, and of stores to the state, before a crash that comes soon. */
    static final int SOON = 12;

    /** The maximum number of interrupted opens in a row. */
    private static final int CRASHES_IN_OPEN = 3;

    final SimulatedDisk disk = new SimulatedDisk();
    final DeviceGeometry geometry;
    final World world;
    final Client client;
    final ZoneWear wear;
    final Resender resender;
    final Trouble trouble;

    private final Workload workload;
    private final Trace trace;

    /** The time at which the last acknowledged flush began. */
    private long flushed;

    /** {@link #flushed} since the time at which each flush ended. */
    private final TreeMap<Long, Long> flushedSince = new TreeMap<>();

    /** Whether the last server died alone, and its saved state is still there. */
    private boolean stateIsLeft;

    /** Whether the saved state is valid, because no sync has failed. */
    private boolean stateCounts;

    private @Nullable SimulatedDisk olderCopy;

    /** The recording of the current server, or null. */
    private @Nullable RecordedLife recorded;

    /** Whether a write of this server has failed, which can leave any data in a conventional zone. */
    private boolean writeHasFailed;

    /** Whether the device shows a power cut, so that no request is answered any more. */
    private boolean powerIsOff;

    /** Whether the zones may have unacknowledged data, because a server has died or a write has failed. */
    private boolean mayHaveRemains;

    /** Whether another program or a defect of the disk has left a wrong refcount. */
    private boolean refcountIsWrong;

    SimulatedServers(Workload workload, Trace trace) {
        this.workload = workload;
        this.trace = trace;
        geometry = workload.options().geometry();
        world = new World(disk, workload.queues());
        world.setBlockBytes(workload.blockBytes());
        wear = new ZoneWear(geometry);
        client = new Client(world, geometry, wear, workload, trace);
        resender = new Resender(world, workload.is(Trait.OTHER_TAGS));
        trouble = new Trouble(disk, trace, !workload.is(Trait.WITHOUT_HOLES));
        world.state.listen(trouble::stored);
        for (FakeQueue queue : world.queues) {
            queue.listen(this::completed);
            queue.whenTaken(trouble::answered);
            if (workload.is(Trait.RESENDS)) {
                queue.holdAnswers();
            }
        }
    }

    /** Creates the image and starts the first server. */
    void startFirst() throws IOException {
        if (workload.image() == Workload.Image.CREATED_IN_A_CRASH) {
            createInACrash();
        } else {
            FirstImage.create(disk, workload);
        }
        open(workload.dice());
    }

    private void createInACrash() throws IOException {
        trouble.crashSoon(1 + Math.floorMod(workload.dice(), SOON), true);
        boolean created = false;
        try {
            ImageFormatter.format(disk, workload.options());
            created = true;
        } catch (Crash e) {
            trace.add(e, 0, 0, 0);
        }
        trouble.dontCrash();
        disk.cutPower(Dice.survival(workload.dice()));
        if (!created && !FirstImage.hasWholeHeader(disk, workload.options())) {
            FirstImage.create(disk, workload);
        }
    }

    /** Loses everything in memory and, with a power cut, all unsynced changes. Then opens the image again. */
    void crash(boolean powerCut, long dice) {
        client.ended();
        trouble.dontCrash();
        trouble.switchFaults(false);
        wear.update(world.tick());
        wear.crashed(world.tick());
        List<IoCall> unanswered = world.forgetAll(Dice.survival(dice));
        stateIsLeft = !powerCut && Dice.leavesState(dice);
        stateCounts = stateIsLeft && !powerIsOff && !disk.hasLostChanges();
        trace.add(powerCut ? "power cut" : "kill", flushed, stateIsLeft ? 1 : 0, stateCounts ? 1 : 0);
        refcountIsWrong &= !new ImageReader(disk, geometry).isDirty();
        loseUnflushed(unanswered);
        resender.serverDied(unanswered, stateCounts && workload.is(Trait.RESENDS));
        if (powerCut) {
            cutPower(Trace.mix(dice));
        } else {
            forget(stateCounts ? Long.MAX_VALUE : flushed);
        }
        mayHaveRemains |= trouble.hasHappened();
        if (stateIsLeft) {
            changeImageUnderState(dice);
        }
        mayHaveRemains = true;
        open(dice);
    }

    /**
     * Updates the models if one of these requests may have made the device lose what was not flushed. The loss can have
     * come before every flush that had not ended when the request began.
     */
    private void loseUnflushed(List<IoCall> calls) {
        for (IoCall call : calls) {
            if (workload.faults().mayLoseUnflushed(call)) {
                Map.Entry<Long, Long> before = flushedSince.lowerEntry(call.begun);
                for (ZoneModel zone : client.zones()) {
                    zone.lost(before == null ? 0 : before.getValue());
                }
            }
        }
    }

    private void cutPower(long dice) {
        stateIsLeft = false;
        stateCounts = false;
        disk.cutPower(Dice.survival(dice));
        loseWhatWasNotFlushed();
    }

    private void loseWhatWasNotFlushed() {
        resender.giveUp();
        forget(flushed);
    }

    /** Updates the models after a crash. Everything that ended before {@code durableBefore} must stay. */
    private void forget(long durableBefore) {
        long now = world.tick();
        for (ZoneModel zone : client.zones()) {
            zone.crashed(now, durableBefore);
            if (powerIsOff) {
                zone.powerWasCut(durableBefore);
            }
        }
    }

    /** Gives the next server another image first, or the same one in another file. */
    private void changeImageUnderState(long dice) {
        ImageSwap swap = new ImageSwap(world, workload.options());
        // Where clusters cannot be punched, a copy may show the data of before a reset in place of the zone's new data.
        boolean canTellCopies = !workload.is(Trait.WITHOUT_HOLES);
        if (canTellCopies
                && olderCopy != null
                && Dice.findsOlderCopy(dice)
                && swap.isBelieved(olderCopy)
                && stateCounts) {
            // It may lack only writes to conventional zones since the last flush.
            disk.become(olderCopy);
            long now = world.tick();
            for (int i = 0; i < geometry.conventionalZones(); i++) {
                client.zones()[i].crashed(now, flushed);
            }
        }
        swap.tryWrongImages(dice);
        boolean comparable = workload.blockBytes() == World.BLOCK && !mayHaveRemains;
        if (Dice.movesImage(dice) && (comparable || swap.isBelieved(world.image))) {
            world.replaceFile();
        }
    }

    /** Opens the image, possibly after more crashes and failures during the open. */
    private void open(long dice) {
        boolean open = false;
        for (int tries = 0; !open; tries++) {
            long nextDice = Trace.mix(dice + tries);
            boolean disturbed = tries < CRASHES_IN_OPEN && Dice.disturbs(nextDice);
            if (disturbed) {
                trouble.crashSoon(Dice.callsToCrashInOpen(nextDice), true);
            } else {
                trouble.dontCrash();
            }
            open = openOnce(disturbed && workload.is(Trait.FAULTY), nextDice);
        }
        powerIsOff = false;
        trouble.dontCrash();
        trouble.forget();
        disk.evictClean();
        checkOpened(dice);
        client.opened(stateCounts);
        stateIsLeft = false;
        stateCounts = false;
        olderCopy = null;
        record(dice);
        trouble.switchFaults(true);
        client.switchFaults(true);
        boolean expectsPowerCut = Dice.expectsPowerCut(workload.dice());
        if (expectsPowerCut) {
            world.device().faults().expectPowerCut();
        }
        for (ZoneModel zone : client.zones()) {
            zone.opened(expectsPowerCut);
        }
        hold();
    }

    private void record(long dice) {
        writeHasFailed = false;
        try {
            boolean isRecorded = Dice.isRecorded(dice)
                    && !workload.faults().loseUnflushed()
                    && workload.steps().stream().noneMatch(step -> step.action() == Workload.Action.WEAR);
            recorded = isRecorded ? RecordedLife.begin(world) : null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean openOnce(boolean failing, long dice) {
        trouble.forget();
        if (failing) {
            trouble.switchFaults(true);
            trouble.failSoon(dice, BlockErrors.EIO);
        }
        boolean powerCut = Dice.isPowerCutInOpen(dice);
        try {
            if (stateIsLeft) {
                world.recover();
            } else {
                world.attach();
            }
            return true;
        } catch (Crash e) {
            trace.add(e, 0, 0, 0);
        } catch (IOException e) {
            if (!trouble.hasHappened()) {
                throw new AssertionError("cannot be opened: " + e.getMessage(), e);
            }
            powerCut = false;
        } finally {
            trouble.switchFaults(false);
        }
        if (powerCut) {
            cutPower(dice);
        } else if (disk.hasLostChanges() && stateCounts) {
            // Its own sync failed, so the next server has only flushed data.
            stateCounts = false;
            loseWhatWasNotFlushed();
        }
        return false;
    }

    private void checkOpened(long dice) {
        ImageReader reader = new ImageReader(disk, geometry);
        assertTrue(reader.isDirty(), "open, and not marked as in use");
        if (!refcountIsWrong) {
            reader.requireWhole();
        }
        ZoneModel[] zones = client.zones();
        for (int i = 0; i < zones.length; i++) {
            wear.checkOpened(i, world.condition(i), world.tick());
            zones[i].checkOpened(reader.zone(i), world.report(i), stateCounts);
        }
        if (!refcountIsWrong && Dice.checksIdempotence(dice)) {
            checkThatRecoveryIsIdempotent();
        }
    }

    private void checkThatRecoveryIsIdempotent() {
        SimulatedDisk once = disk.copy();
        SimulatedDisk twice = disk.copy();
        try {
            new World(twice, 1).attach();
        } catch (IOException e) {
            throw new AssertionError("cannot be recovered twice: " + e.getMessage(), e);
        }
        ImageAreas.eraseAttachRecord(once);
        ImageAreas.eraseAttachRecord(twice);
        assertTrue(once.sameBytes(twice), "a second recovery changes the image");
    }

    void closeAndOpen(long dice) throws IOException {
        powerIsOff = Dice.cutsPowerOfDevice(dice);
        if (powerIsOff) {
            trace.add("the device's power is cut", 0, 0, 0);
            world.device().faults().cutPower(Dice.powerCut(dice), AfterCut.STOP);
        }
        settle();
        if (trouble.faultsAreOn() && Dice.crashesWhileClosing(dice)) {
            trouble.crashSoon(Dice.callsToCrashInClose(dice), true);
        }
        try {
            world.device().close();
        } catch (IOException e) {
            if (!trouble.hasHappened()) {
                throw e;
            }
            crash(false, dice);
            return;
        }
        client.ended();
        trouble.switchFaults(false);
        checkClosed(Dice.isRare(dice));
        if (recorded != null && !powerIsOff) {
            recorded.check(disk, !writeHasFailed);
        }
        if (Dice.cutsPowerWhenClosed(dice)) {
            disk.cutPower(Dice.survival(dice));
            checkClosed(false);
        }
        trouble.dontCrash();
        forget(powerIsOff ? flushed : Long.MAX_VALUE);
        if (workload.is(Trait.FOREIGN)) {
            letOthersWrite(dice);
        }
        open(dice);
    }

    private void letOthersWrite(long dice) {
        ForeignWriter writer = new ForeignWriter(disk);
        writer.dirtyFreeClusters();
        refcountIsWrong = Dice.frees(dice) && writer.freeMappedCluster(dice);
        disk.cutPower((change, sector) -> true);
    }

    private void checkClosed(boolean thoroughly) throws IOException {
        refcountIsWrong = false;
        ImageReader reader = new ImageReader(disk, geometry);
        assertFalse(reader.isDirty(), "closed, and still marked as in use");
        assertEquals(reader.requireWhole(), disk.sizeBytes(), "the length of the closed image");
        if (thoroughly) {
            CheckResult result = ImageChecker.check(disk);
            assertEquals(CheckResult.Status.CLEAN, result.status(), () -> "closed: " + result.findings());
        }
    }

    /** Keeps a copy of the current image, which the next server may find instead. */
    void keepCopy() {
        olderCopy = disk.copy();
    }

    /** Keeps a copy that has the clusters of the data in flight, but not the data. */
    void copyBeforeDataMoves() {
        keepCopy();
        for (FakeQueue queue : world.queues) {
            while (queue.port.heldParts() > 0) {
                queue.port.complete(0);
            }
        }
    }

    /** Ends everything that has begun. */
    void settle() {
        for (FakeQueue queue : world.queues) {
            queue.port.release();
        }
        resender.sendAll();
        world.settle();
        wear.update(world.tick());
        for (FakeQueue queue : world.queues) {
            assertTrue(queue.isIdle(), "requests that never end");
        }
        assertFalse(wear.isChanging(), "a change of conditions that never ends");
    }

    /** Holds parts from now on until they are moved. */
    void hold() {
        for (FakeQueue queue : world.queues) {
            queue.port.hold();
        }
    }

    private void completed(IoCall call) {
        if (powerIsOff) {
            call.done = false; // like one that was in flight at a crash
            return;
        }
        trace.add("completed", call.request.tag(), call.result, call.place);
        wear.update(world.tick());
        boolean injected = InjectedFaults.explain(call);
        if (call.op == BlockOp.FLUSH && call.succeeded()) {
            flushed = Math.max(flushed, call.begun);
            flushedSince.put(call.ended, flushed);
        }
        loseUnflushed(List.of(call));
        mayHaveRemains |= !call.succeeded();
        writeHasFailed |= call.isWrite() && !call.succeeded();
        client.completed(call, trouble.hasHappened(), injected);
    }
}
