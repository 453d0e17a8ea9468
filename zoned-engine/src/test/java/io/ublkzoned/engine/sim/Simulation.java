package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.BlockErrors;
import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.Trouble.Crash;
import io.ublkzoned.engine.sim.Workload.Step;
import io.ublkzoned.engine.sim.Workload.Trait;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Plays a {@link Workload} on the real engine, on one thread, with every crash and fault that it says, and checks after
 * each opening of the image and in between that the zones hold what they must.
 */
final class Simulation {

    /** Something that may use the image. */
    @FunctionalInterface
    private interface Activity {
        void run() throws IOException;
    }

    /** The most calls on the image, and stores to the state, that are made before a crash that comes soon. */
    private static final int SOON = 12;

    /** The most times that opening an image is cut short in a row. */
    private static final int CRASHES_IN_OPEN = 3;

    /** The most steps that are played within one call of the metadata thread on the image. */
    private static final int STEPS_IN_CALL = 3;

    private final Workload workload;
    private final Trace trace;
    private final DeviceGeometry geometry;
    private final SimulatedDisk disk = new SimulatedDisk();
    private final World world;
    private final Client client;
    private final ZoneWear wear;
    private final Resender resender;
    private final Trouble trouble;

    /** The step that is played next. */
    private int next;

    private boolean maintaining;

    /** When the last acknowledged flush began. */
    private long flushed;

    /** The last server died alone, and its saved state is still there. */
    private boolean stateIsLeft;

    /** No sync has failed, so the saved state that is left counts. */
    private boolean stateCounts;

    private @Nullable SimulatedDisk olderCopy;

    /** Another program, or a defect of the disk, has left a refcount that is wrong. */
    private boolean refcountIsWrong;

    /** @param defect what is to be wrong, or null for nothing */
    Simulation(Workload workload, @Nullable Defect defect, Trace trace) {
        this.workload = workload;
        this.trace = trace;
        geometry = workload.options().geometry();
        world = new World(disk, workload.queues());
        world.setBlockBytes(workload.blockBytes());
        wear = new ZoneWear(geometry);
        client = new Client(world, geometry, wear, workload, trace);
        resender = new Resender(world, workload.is(Trait.OTHER_TAGS));
        trouble = new Trouble(disk, trace, !workload.is(Trait.WITHOUT_HOLES));
        trouble.duringCalls(this::playWithinCall);
        world.state.listen(trouble::stored);
        for (FakeQueue queue : world.queues) {
            queue.listen(this::completed);
            queue.whenTaken(trouble::answered);
            if (workload.is(Trait.RESENDS)) {
                queue.holdAnswers();
            }
        }
        if (defect != null) {
            defect.bringAbout(world, geometry);
        }
    }

    /** Plays it; fails with an {@link AssertionError} that says what is wrong. */
    void run() {
        doOrCrash(workload.dice(), () -> {
            if (workload.image() == Workload.Image.CREATED_IN_A_CRASH) {
                createInACrash();
            } else {
                FirstImage.create(disk, workload);
            }
            open(workload.dice());
        });
        while (next < workload.steps().size()) {
            Step step = workload.steps().get(next);
            doOrCrash(step.dice(), workload.is(Trait.THREADS) ? this::playTogether : this::playNext);
            wear.update(world.tick());
            checkLimits();
        }
        trouble.dontCrash();
        trouble.switchFaults(false);
        doOrCrash(workload.dice(), () -> {
            check();
            checkThatWritesGoOn();
            closeAndOpen(workload.dice());
            check();
        });
    }

    /** What is left when the device is closed after a run. */
    SimulatedDisk closedImage() throws IOException {
        trouble.switchFaults(false);
        settle();
        world.device().close();
        return disk;
    }

    private void doOrCrash(long dice, Activity activity) {
        try {
            activity.run();
        } catch (Crash e) {
            crash(trouble.crashIsPowerCut(), dice);
        } catch (IOException e) {
            throw new AssertionError(e.getMessage(), e);
        }
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

    private void playNext() throws IOException {
        play(workload.steps().get(next++));
    }

    /** Plays the next steps, as far as threads can share them. */
    private void playTogether() throws IOException {
        List<Step> steps = workload.steps();
        List<Step> together = ServerThreads.shareable(steps.subList(next, steps.size()));
        if (together.isEmpty()) {
            playNext();
            return;
        }
        next += together.size();
        long seed = together.getFirst().dice();
        new ServerThreads(world, resender, this::playOnItsThread, seed, trace).play(together);
    }

    private void playOnItsThread(Step step) {
        switch (step.action()) {
            case POWER_CUT -> trouble.die(true);
            case KILL -> trouble.die(false);
            case SEND_AGAIN -> resender.sendOneOf(world.queues[step.queue() % world.queues.length]);
            default -> {
                try {
                    play(step);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    private void play(Step step) throws IOException {
        trace.add(step.action(), step.queue(), step.zone(), step.number());
        FakeQueue queue = world.queues[step.queue() % world.queues.length];
        switch (step.action()) {
            case WRITE -> client.send(BlockOp.WRITE, step);
            case APPEND -> client.send(BlockOp.ZONE_APPEND, step);
            case READ -> client.send(BlockOp.READ, step);
            case OPEN -> client.send(BlockOp.ZONE_OPEN, step);
            case CLOSE -> client.send(BlockOp.ZONE_CLOSE, step);
            case FINISH -> client.send(BlockOp.ZONE_FINISH, step);
            case RESET -> client.send(BlockOp.ZONE_RESET, step);
            case RESET_ALL -> client.send(BlockOp.ZONE_RESET_ALL, step);
            case FLUSH -> client.send(BlockOp.FLUSH, step);
            case MOVE -> move(queue.port, step, 0);
            case FAIL -> move(queue.port, step, Dice.errno(step.dice()));
            case PROCEED -> queue.proceedOnce();
            case TAKE -> queue.takeAnswers();
            case SEND_AGAIN -> resender.sendOne(step.number());
            case WEAR -> client.changeCondition(step);
            case WITHDRAW -> client.withdraw();
            case MAINTAIN -> maintain();
            case CHECK -> check();
            case COPY -> olderCopy = disk.copy();
            case BREAK -> trouble.failSoon(step.dice(), Dice.errno(step.dice()));
            case POWER_CUT -> crash(true, step.dice());
            case KILL -> {
                if (Dice.isCopiedBeforeKill(step.dice())) {
                    copyBeforeDataMoves();
                }
                crash(false, step.dice());
            }
            case REOPEN -> closeAndOpen(step.dice());
            case CRASH_SOON -> trouble.crashSoon(1 + step.number() % SOON, Dice.isPowerCut(step.dice()));
        }
    }

    /** The copy has the clusters of what moves now, and not the data. */
    private void copyBeforeDataMoves() {
        olderCopy = disk.copy();
        for (FakeQueue queue : world.queues) {
            while (queue.port.heldParts() > 0) {
                queue.port.complete(0);
            }
        }
    }

    private void maintain() {
        maintaining = true;
        try {
            world.maintain();
        } finally {
            maintaining = false;
        }
    }

    /** What the queues' threads do while the metadata thread is in a call on the image. */
    private void playWithinCall(Call call) {
        if (!maintaining || !workload.is(Trait.OVERLAPS) || call == Call.DATA_WRITE || call == Call.DATA_READ) {
            return;
        }
        maintaining = false;
        try {
            for (int i = 0; i < STEPS_IN_CALL && next < workload.steps().size(); i++) {
                Step step = workload.steps().get(next);
                if (!step.action().isOfQueues()) {
                    return;
                }
                next++;
                play(step);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        } finally {
            maintaining = true;
        }
    }

    private void move(FakePort port, Step step, int errno) {
        if (port.heldParts() == 0) {
            return;
        }
        int index = step.number() % port.heldParts();
        if (errno != 0) {
            trouble.happened();
            port.fail(index, errno);
        } else if (!workload.is(Trait.SLOW) || port.heldPart(index) % 4 != 0 || Dice.isRare(step.dice())) {
            port.complete(index);
        }
    }

    /** Everything in memory is lost, and with a power cut what was not synced too; then the image is opened again. */
    private void crash(boolean powerCut, long dice) {
        trouble.dontCrash();
        trouble.switchFaults(false);
        maintaining = false;
        wear.update(world.tick());
        wear.crashed(world.tick());
        List<IoCall> unanswered = world.forgetAll(Dice.survival(dice));
        stateIsLeft = !powerCut && Dice.leavesState(dice);
        stateCounts = stateIsLeft && !disk.hasLostChanges();
        trace.add(powerCut ? "power cut" : "kill", flushed, stateIsLeft ? 1 : 0, stateCounts ? 1 : 0);
        refcountIsWrong &= !new ImageReader(disk, geometry).isDirty();
        resender.serverDied(unanswered, stateCounts && workload.is(Trait.RESENDS));
        if (powerCut) {
            cutPower(Trace.mix(dice));
        } else {
            forget(stateCounts ? Long.MAX_VALUE : flushed);
        }
        if (stateIsLeft) {
            changeImageUnderState(dice);
        }
        open(dice);
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

    /** Whatever ended before must stay. */
    private void forget(long durableBefore) {
        long now = world.tick();
        for (ZoneModel zone : client.zones()) {
            zone.crashed(now, durableBefore);
        }
    }

    /** The next server finds another image first, or the same in another file. */
    private void changeImageUnderState(long dice) {
        ImageSwap swap = new ImageSwap(world, workload.options());
        if (olderCopy != null && Dice.findsOlderCopy(dice) && swap.isBelieved(olderCopy) && stateCounts) {
            // Only what was written to conventional zones since the last flush may be missing in it.
            disk.become(olderCopy);
            long now = world.tick();
            for (int i = 0; i < geometry.conventionalZones(); i++) {
                client.zones()[i].crashed(now, flushed);
            }
        }
        swap.tryWrongImages(dice);
        boolean comparable = workload.blockBytes() == World.BLOCK;
        if (Dice.movesImage(dice) && (comparable || swap.isBelieved(world.image))) {
            world.replaceFile();
        }
    }

    /** Opens the image, perhaps only after more crashes and failures while it is opened. */
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
        trouble.dontCrash();
        trouble.forget();
        disk.evictClean();
        checkOpened(dice);
        client.opened(stateCounts);
        stateIsLeft = false;
        stateCounts = false;
        olderCopy = null;
        trouble.switchFaults(true);
        hold();
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
            // Its own sync failed, so the next server has only what was flushed.
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

    private void closeAndOpen(long dice) throws IOException {
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
        trouble.switchFaults(false);
        checkClosed(Dice.isRare(dice));
        if (Dice.cutsPowerWhenClosed(dice)) {
            disk.cutPower(Dice.survival(dice));
            checkClosed(false);
        }
        trouble.dontCrash();
        forget(Long.MAX_VALUE);
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

    private void check() {
        settle();
        boolean faultsWereOn = trouble.faultsAreOn();
        trouble.switchFaults(false);
        ZoneModel[] zones = client.zones();
        for (int i = 0; i < zones.length; i++) {
            ZoneCondition condition = world.condition(i);
            wear.check(i, condition, world.tick());
            if (condition != ZoneCondition.OFFLINE) {
                zones[i].check(world.read(geometry.zoneStart(i), (int) geometry.zoneSizeBytes()), world.report(i));
            }
        }
        trouble.switchFaults(faultsWereOn);
        hold();
    }

    private void settle() {
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

    private void hold() {
        for (FakeQueue queue : world.queues) {
            queue.port.hold();
        }
    }

    private void checkLimits() {
        if (geometry.maxOpenZones() == 0) {
            return;
        }
        int open = 0;
        int active = 0;
        for (int i = 0; i < geometry.zoneCount(); i++) {
            ZoneCondition condition = world.condition(i);
            open += condition.isOpen() ? 1 : 0;
            active += condition.isActive() ? 1 : 0;
        }
        assertTrue(open <= geometry.maxOpenZones(), "over the open limit");
        assertTrue(geometry.maxActiveZones() == 0 || active <= geometry.maxActiveZones(), "over the active limit");
    }

    private void checkThatWritesGoOn() {
        for (int zone = geometry.conventionalZones(); zone < geometry.zoneCount(); zone++) {
            boolean writable = world.condition(zone) != ZoneCondition.FULL && wear.isGood(zone);
            if (geometry.maxOpenZones() == 0 && !trouble.hasHappened() && writable) {
                IoCall call = client.append(world.queue, zone, workload.blockBytes() / TestData.SECTOR, false);
                settle();
                assertTrue(call.succeeded(), call::toString);
            }
        }
    }

    private void completed(IoCall call) {
        trace.add("completed", call.request.tag(), call.result, call.place);
        wear.update(world.tick());
        if (call.op == BlockOp.FLUSH && call.succeeded()) {
            flushed = Math.max(flushed, call.begun);
        }
        client.completed(call, trouble.hasHappened());
    }
}
