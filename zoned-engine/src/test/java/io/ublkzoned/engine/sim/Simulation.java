package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.Trouble.Crash;
import io.ublkzoned.engine.sim.Workload.Step;
import io.ublkzoned.engine.sim.Workload.Trait;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A simulation that plays a {@link Workload} on the real engine, on one thread, with all its crashes and faults. It
 * checks after each opening of the image and in between that the zones have the required contents.
 */
final class Simulation {

    /** An activity that may use the image. */
    @FunctionalInterface
    private interface Activity {
        void run() throws IOException;
    }

    /** The maximum number of steps that are played within one call of the metadata thread on the image. */
    private static final int STEPS_IN_CALL = 3;

    private final Workload workload;
    private final Trace trace;
    private final SimulatedServers servers;
    private final DeviceGeometry geometry;
    private final World world;
    private final Client client;
    private final ZoneWear wear;
    private final Resender resender;
    private final Trouble trouble;

    /** The index of the next step. */
    private int next;

    private boolean maintaining;

    /** @param defect the defect in the surroundings, or null for none */
    Simulation(Workload workload, @Nullable Defect defect, Trace trace) {
        this.workload = workload;
        this.trace = trace;
        servers = new SimulatedServers(workload, trace);
        geometry = servers.geometry;
        world = servers.world;
        client = servers.client;
        wear = servers.wear;
        resender = servers.resender;
        trouble = servers.trouble;
        trouble.duringCalls(this::playWithinCall);
        if (defect != null) {
            defect.applyTo(world, geometry);
        }
    }

    /** Plays the workload. Fails with an {@link AssertionError} that describes the problem. */
    void run() {
        doOrCrash(workload.dice(), servers::startFirst);
        while (next < workload.steps().size()) {
            Step step = workload.steps().get(next);
            doOrCrash(step.dice(), workload.is(Trait.THREADS) ? this::playTogether : this::playNext);
            wear.update(world.tick());
            checkLimits();
        }
        trouble.dontCrash();
        doOrCrash(workload.dice(), () -> {
            servers.settle();
            trouble.switchFaults(false);
            client.switchFaults(false);
            check();
            checkThatWritesGoOn();
            servers.closeAndOpen(workload.dice());
            check();
        });
    }

    /** Returns the image that is left when the device is closed after a run. */
    SimulatedDisk closedImage() throws IOException {
        trouble.switchFaults(false);
        servers.settle();
        world.device().close();
        return servers.disk;
    }

    private void doOrCrash(long dice, Activity activity) {
        try {
            activity.run();
        } catch (Crash e) {
            servers.crash(trouble.crashIsPowerCut(), dice);
        } catch (IOException e) {
            throw new AssertionError(e.getMessage(), e);
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
            case PROCEED -> queue.proceedWithNext();
            case TAKE -> queue.takeAnswers();
            case SEND_AGAIN -> resender.sendOne(step.number());
            case WEAR -> client.changeCondition(step);
            case WITHDRAW -> client.withdraw();
            case MAINTAIN -> maintain();
            case CHECK -> check();
            case COPY -> servers.keepCopy();
            case BREAK -> trouble.failSoon(step.dice(), Dice.errno(step.dice()));
            case POWER_CUT -> servers.crash(true, step.dice());
            case KILL -> {
                if (Dice.isCopiedBeforeKill(step.dice())) {
                    servers.copyBeforeDataMoves();
                }
                servers.crash(false, step.dice());
            }
            case REOPEN -> servers.closeAndOpen(step.dice());
            case CRASH_SOON ->
                trouble.crashSoon(1 + step.number() % SimulatedServers.SOON, Dice.isPowerCut(step.dice()));
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

    /** Plays steps of the queues' threads while the metadata thread is in a call on the image. */
    private void playWithinCall(Call call) {
        if (!maintaining || !workload.is(Trait.OVERLAPS) || call == Call.DATA_WRITE || call == Call.DATA_READ) {
            return;
        }
        maintaining = false;
        try {
            for (int i = 0; i < STEPS_IN_CALL && next < workload.steps().size(); i++) {
                Step step = workload.steps().get(next);
                if (!step.action().belongsToQueues()) {
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

    private void check() {
        servers.settle();
        boolean faultsWereOn = trouble.faultsAreOn();
        trouble.switchFaults(false);
        client.switchFaults(false);
        ZoneModel[] zones = client.zones();
        for (int i = 0; i < zones.length; i++) {
            ZoneCondition condition = world.condition(i);
            wear.check(i, condition, world.tick());
            if (condition != ZoneCondition.OFFLINE) {
                zones[i].check(world.read(geometry.zoneStart(i), (int) geometry.zoneSizeBytes()), world.report(i));
            }
        }
        trouble.switchFaults(faultsWereOn);
        client.switchFaults(faultsWereOn);
        servers.hold();
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
                servers.settle();
                assertTrue(call.succeeded(), call::toString);
            }
        }
    }
}
