package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.Barrier;
import io.ublkzoned.engine.BlockErrors;
import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.sim.Trouble.Crash;
import io.ublkzoned.engine.sim.Workload.Step;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
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

    /** The most calls on the image that are made before a crash that comes soon. */
    private static final int SOON = 12;

    /** The most times that opening an image is cut short in a row. */
    private static final int CRASHES_IN_OPEN = 3;

    private final Workload workload;
    private final Trace trace;
    private final DeviceGeometry geometry;
    private final SimulatedDisk disk = new SimulatedDisk();
    private final World world;
    private final Client client;
    private final Trouble trouble;

    /** When the last acknowledged flush began. */
    private long flushed;

    /** The last server died alone, and what it had acknowledged is in memory that outlived it and is still there. */
    private boolean stateIsLeft;

    /** @param missing the barrier that the disk leaves out, or null for none */
    Simulation(Workload workload, @Nullable Barrier missing, Trace trace) {
        this.workload = workload;
        this.trace = trace;
        geometry = workload.options().geometry();
        world = new World(disk, workload.queues());
        client = new Client(world, geometry, trace);
        disk.leaveOut(missing);
        trouble = new Trouble(disk, trace, workload.holes());
        for (FakeQueue queue : world.queues) {
            queue.listen(this::completed);
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
        for (Step step : workload.steps()) {
            trace.add(step.action(), step.queue(), step.zone(), step.number());
            doOrCrash(step.dice(), () -> play(step));
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
        disk.cutPower(survival(workload.dice()));
        if (!created && !FirstImage.hasWholeHeader(disk, workload.options())) {
            FirstImage.create(disk, workload);
        }
    }

    private void play(Step step) throws IOException {
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
            case FAIL -> move(queue.port, step, (step.dice() & 1) == 0 ? BlockErrors.EIO : BlockErrors.ENOSPC);
            case PROCEED -> queue.proceedOnce();
            case MAINTAIN -> world.maintain();
            case CHECK -> check();
            case BREAK -> trouble.failSoon(step.dice(), (step.dice() & 1) == 0 ? BlockErrors.EIO : BlockErrors.ENOSPC);
            case POWER_CUT -> crash(true, step.dice());
            case KILL -> crash(false, step.dice());
            case REOPEN -> closeAndOpen(step.dice());
            case CRASH_SOON -> trouble.crashSoon(1 + step.number() % SOON, (step.dice() & 1) != 0);
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
        } else if (!workload.slow() || port.heldPart(index) % 4 != 0 || (step.dice() & 7) == 0) {
            port.complete(index);
        }
    }

    /** Everything in memory is lost, and with a power cut what was not synced too; then the image is opened again. */
    private void crash(boolean powerCut, long dice) {
        trouble.dontCrash();
        trouble.switchFaults(false);
        world.forgetAll(survival(dice));
        // What a failed sync was to write is not on the disk, and is in the kernel's memory until the machine dies.
        boolean killed = !powerCut && !disk.syncHasFailed();
        stateIsLeft = killed && ((dice >>> 9) & 1) != 0;
        trace.add(killed ? "kill" : "power cut", flushed, stateIsLeft ? 1 : 0, 0);
        if (killed) {
            forget(stateIsLeft ? Long.MAX_VALUE : flushed);
        } else {
            cutPower(Trace.mix(dice));
        }
        open(dice);
    }

    private void cutPower(long dice) {
        stateIsLeft = false;
        disk.cutPower(survival(dice));
        forget(flushed);
    }

    /** Whatever ended before must stay. */
    private void forget(long durableBefore) {
        long now = world.tick();
        for (ZoneModel zone : client.zones()) {
            zone.crashed(now, durableBefore);
        }
    }

    /** Opens the image, perhaps only after more crashes and failures while it is opened. */
    private void open(long dice) {
        boolean open = false;
        for (int crashes = 0; !open; crashes++) {
            long next = Trace.mix(dice + crashes);
            boolean disturbed = crashes < CRASHES_IN_OPEN && (next & 1) == 0;
            if (disturbed) {
                trouble.crashSoon(1 + (int) (next >>> 61), true);
            } else {
                trouble.dontCrash();
            }
            open = openOnce(disturbed && workload.faulty(), next);
        }
        trouble.dontCrash();
        trouble.forget();
        checkOpened(dice);
        client.opened(stateIsLeft);
        stateIsLeft = false;
        trouble.switchFaults(true);
        hold();
    }

    private boolean openOnce(boolean failing, long dice) {
        trouble.forget();
        if (failing) {
            trouble.switchFaults(true);
            trouble.failSoon(dice, BlockErrors.EIO);
        }
        boolean powerCut = (dice & 8) == 0;
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
        if (powerCut || disk.syncHasFailed()) {
            cutPower(dice);
        }
        return false;
    }

    private void checkOpened(long dice) {
        ImageReader reader = new ImageReader(disk, geometry);
        assertTrue(reader.isDirty(), "open, and not marked as in use");
        reader.requireWhole();
        ZoneModel[] zones = client.zones();
        for (int i = 0; i < zones.length; i++) {
            zones[i].checkOpened(reader.zone(i), world.report(i), stateIsLeft);
        }
        if (((dice >>> 5) & 3) == 0) {
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
        checkClosed((dice & 7) == 0);
        if ((dice & 8) == 0) {
            disk.cutPower(survival(dice));
            checkClosed(false);
        }
        trouble.dontCrash();
        forget(Long.MAX_VALUE);
        open(dice);
    }

    private void checkClosed(boolean thoroughly) throws IOException {
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
            zones[i].check(world.read(geometry.zoneStart(i), (int) geometry.zoneSizeBytes()), world.report(i));
        }
        trouble.switchFaults(faultsWereOn);
        hold();
    }

    private void settle() {
        for (FakeQueue queue : world.queues) {
            queue.port.release();
        }
        world.settle();
        for (FakeQueue queue : world.queues) {
            assertTrue(queue.isIdle(), "requests that never end");
        }
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
            if (geometry.maxOpenZones() == 0 && !trouble.hasHappened() && world.condition(zone) != ZoneCondition.FULL) {
                IoCall call = client.append(world.queue, zone, 1, false);
                settle();
                assertTrue(call.succeeded(), call::toString);
            }
        }
    }

    private void completed(IoCall call) {
        trace.add("completed", call.request.tag(), call.result, call.place);
        if (call.op == BlockOp.FLUSH && call.succeeded()) {
            flushed = Math.max(flushed, call.begun);
        }
        if (call.succeeded()) {
            assertEquals(call.data.length, call.result, call::toString);
            return;
        }
        boolean expected = switch (-call.result) {
            case BlockErrors.ETOOMANYREFS, BlockErrors.EOVERFLOW -> geometry.maxOpenZones() != 0;
            case BlockErrors.ENOSPC -> trouble.hasHappened();
            case BlockErrors.EIO -> trouble.hasHappened() || isRefusable(call);
            default -> false;
        };
        assertTrue(expected, call::toString);
    }

    /** Whether the request can be against the rules of its zone. */
    private boolean isRefusable(IoCall call) {
        boolean conventional = geometry.isConventional(geometry.zoneIndex(call.offset));
        return switch (call.op) {
            case READ, FLUSH, ZONE_RESET_ALL -> false;
            case WRITE -> !conventional;
            case ZONE_RESET, ZONE_FINISH -> conventional;
            case ZONE_APPEND, ZONE_OPEN, ZONE_CLOSE -> true;
        };
    }

    /** Of a third of the changes all of it, of a third nothing, and of the rest some sectors. */
    private static Survival survival(long dice) {
        return (change, sector) -> switch ((int) Long.remainderUnsigned(Trace.mix(dice + change), 3)) {
            case 0 -> true;
            case 1 -> false;
            default -> (Trace.mix(dice ^ ((long) change << 32) + sector) & 1) == 0;
        };
    }
}
