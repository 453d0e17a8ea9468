package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.TestData;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Power cuts that a device shows on request. */
final class PowerCutTest {

    private static final int EIO = -BlockErrors.EIO;
    private static final int CAPACITY = 768 << 10;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private void cut(Keep keep, long seed) {
        world.device().faults().cutPower(new PowerCut(seed, keep), AfterCut.STOP);
        world.reopen();
    }

    @Test
    void everyRequestFailsFromTheCutOn() {
        world.append(2, stamped(1, BLOCK)); // loads the zone's map
        world.port.hold();
        IoCall inFlight = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        world.device().faults().cutPower(new PowerCut(0, Keep.ALL), AfterCut.STOP);
        world.settle();

        assertEquals(EIO, inFlight.result);
        assertEquals(EIO, world.append(3, stamped(3, BLOCK)));
        assertEquals(EIO, world.flush());
        assertEquals(EIO, world.run(BlockOp.ZONE_RESET, 2));
        assertEquals(EIO, world.submit(BlockOp.READ, 0, new byte[BLOCK]).result);
    }

    @Test
    void flushedDataSurvivesAndNothingElse() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, 3 * BLOCK));
        world.append(3, stamped(3, BLOCK));
        cut(Keep.NONE, 0);

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, 3 * BLOCK));
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
        // The next data is not mixed with lost data.
        world.append(2, stamped(4, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 2);
        assertStamped(4, world.read(zone2 + BLOCK, BLOCK));
        assertStamped(0, world.read(zone2 + 2 * BLOCK, 2 * BLOCK));
    }

    @Test
    void allAcknowledgedDataCanSurvive() {
        world.append(2, stamped(1, CAPACITY));
        world.append(3, stamped(2, 3 * BLOCK));
        cut(Keep.ALL, 0);

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertStamped(1, world.read(zone2, CAPACITY));
        assertEquals(3 * BLOCK, world.pointer(3));
    }

    @Test
    void seedDecidesHowManyBlocksSurvive() {
        Set<Long> pointers = new TreeSet<>();
        for (long seed = 0; seed < 100; seed++) {
            long pointer = pointerAfterCut(seed);
            assertEquals(pointer, pointerAfterCut(seed), "the same seed");
            pointers.add(pointer);
        }
        long[] expected = {BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK};
        assertEquals(expected.length, pointers.size(), pointers::toString);
        assertTrue(pointers.contains((long) BLOCK) && pointers.contains(5L * BLOCK));
    }

    private static long pointerAfterCut(long seed) {
        World world = World.small();
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(1, 4 * BLOCK));
        world.device().faults().cutPower(new PowerCut(seed, Keep.RANDOM), AfterCut.STOP);
        world.reopen();
        long pointer = world.pointer(2);
        assertStamped(1, world.read(world.start(2), (int) pointer));
        return pointer;
    }

    @Test
    void finishThatWasNotFlushedSurvivesOrDoesNot() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 2);
        cut(Keep.NONE, 0);
        assertEquals(BLOCK, world.pointer(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));

        world.run(BlockOp.ZONE_FINISH, 2);
        cut(Keep.ALL, 0);
        assertEquals(ZoneCondition.FULL, world.condition(2));
    }

    @Test
    void resetSurvivesIfNoPowerCutIsExpected() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.run(BlockOp.ZONE_RESET, 2);
        cut(Keep.NONE, 0);
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void expectedCutUndoesResets() {
        world.device().faults().expectPowerCut();
        world.append(2, stamped(1, 70 * BLOCK));
        world.flush();
        world.append(2, stamped(2, BLOCK));
        world.run(BlockOp.ZONE_RESET, 2);
        world.append(2, stamped(3, 3 * BLOCK));
        world.run(BlockOp.ZONE_RESET, 2);
        world.append(3, stamped(4, BLOCK)); // takes no cluster of zone 2
        cut(Keep.NONE, 0);

        assertEquals(70 * BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, 70 * BLOCK));
        assertStamped(0, world.read(zone2 + 70 * BLOCK, BLOCK));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        world.append(2, stamped(5, BLOCK));
        assertStamped(5, world.read(zone2 + 70 * BLOCK, BLOCK));
    }

    @Test
    void zoneKeepsItsHistoryUpToSomePlace() {
        Set<String> seen = new TreeSet<>();
        for (long seed = 0; seed < 200; seed++) {
            World cutWorld = World.small();
            cutWorld.device().faults().expectPowerCut();
            cutWorld.append(2, stamped(1, BLOCK));
            cutWorld.flush();
            cutWorld.append(2, stamped(1, BLOCK));
            cutWorld.run(BlockOp.ZONE_RESET, 2);
            cutWorld.append(2, stamped(2, BLOCK));
            cutWorld.run(BlockOp.ZONE_FINISH, 2);
            cutWorld.run(BlockOp.ZONE_RESET, 2);
            cutWorld.append(2, stamped(3, 2 * BLOCK));
            cutWorld.device().faults().cutPower(new PowerCut(seed, Keep.RANDOM), AfterCut.STOP);
            cutWorld.reopen();
            byte[] data = cutWorld.read(zone2, 2 * BLOCK);
            long pointer = cutWorld.pointer(2);
            seen.add("%d bytes of %d, %s".formatted(pointer, TestData.stampAt(data, 0), cutWorld.condition(2)));
            assertStamped(TestData.stampAt(data, 0), data, 0, (int) Math.min(pointer, BLOCK));
        }
        // A finished zone is as the last flush left it, or FULL: its bytes in between are not known to be right.
        Set<String> expected = new TreeSet<>(List.of(
                "4096 bytes of 1, CLOSED",
                "8192 bytes of 1, CLOSED",
                "0 bytes of 0, EMPTY",
                "%d bytes of 2, FULL".formatted(1 << 20),
                "4096 bytes of 3, CLOSED",
                "8192 bytes of 3, CLOSED"));
        assertEquals(expected, seen);
    }

    @Test
    void flushMakesResetsDurableAndReleasesTheirClusters() {
        world.device().faults().expectPowerCut();
        world.append(2, stamped(1, 100 * BLOCK));
        world.flush();
        long full = world.image.allocatedBytes();
        world.run(BlockOp.ZONE_RESET, 2);
        assertEquals(full, world.image.allocatedBytes());
        world.flush();
        assertTrue(world.image.allocatedBytes() <= full - 100 * BLOCK);
        cut(Keep.NONE, 0);
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void cutLeavesNoMoreActiveZonesThanAllowed() {
        for (long seed = 0; seed < 100; seed++) {
            World limited = new World(
                    World.smallOptions().maxOpenZones(1).maxActiveZones(2).build());
            limited.device().faults().expectPowerCut();
            limited.append(2, stamped(1, BLOCK));
            limited.append(3, stamped(1, BLOCK));
            limited.flush();
            limited.run(BlockOp.ZONE_FINISH, 2);
            limited.run(BlockOp.ZONE_RESET, 3);
            for (int zone = 4; zone < 8; zone++) {
                limited.append(zone, stamped(1, CAPACITY));
            }
            limited.device().faults().cutPower(new PowerCut(seed, Keep.RANDOM), AfterCut.STOP);
            limited.reopen();
            int active = 0;
            for (int zone = 2; zone < 16; zone++) {
                active += limited.condition(zone).isActive() ? 1 : 0;
            }
            assertTrue(active <= 2, "seed " + seed + ": " + active + " active zones");
        }
    }

    /** With one active zone: another zone is recovered, which is durable, when it is possible only thanks to a reset. */
    @Test
    void cutUndoesNoResetThatMadeRoomForARecoveredZone() {
        World limited =
                new World(World.smallOptions().maxOpenZones(1).maxActiveZones(1).build());
        limited.device().faults().expectPowerCut();
        limited.append(2, stamped(1, BLOCK));
        limited.flush();
        changeCondition(limited, 2, ZoneCondition.READ_ONLY);
        limited.append(3, stamped(1, BLOCK));
        limited.flush();
        limited.run(BlockOp.ZONE_RESET, 3);
        changeCondition(limited, 2, null);
        limited.device().faults().cutPower(new PowerCut(0, Keep.NONE), AfterCut.STOP);
        limited.reopen();
        assertEquals(ZoneCondition.CLOSED, limited.condition(2));
        assertEquals(ZoneCondition.EMPTY, limited.condition(3));
    }

    private static void changeCondition(World limited, int zone, @Nullable ZoneCondition condition) {
        CompletableFuture<?> change = limited.device().changeCondition(zone, 1, condition);
        limited.settle();
        assertTrue(change.isDone() && !change.isCompletedExceptionally());
    }

    @Test
    void lossUndoesNoReset() {
        world.device().faults().expectPowerCut();
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.run(BlockOp.ZONE_RESET, 2);
        world.inject("--on flush --error EIO --lose unflushed");
        assertEquals(EIO, world.flush());
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        cut(Keep.NONE, 0);
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void serverThatDiesAfterTheCutLeavesWhatWasFlushed() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, BLOCK));
        world.device().faults().cutPower(new PowerCut(0, Keep.ALL), AfterCut.STOP);
        world.killAndRecover();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void ruleCutsThePower() {
        world.inject("--on append --nth 3 --power-cut --keep none --then continue");
        List<AfterCut> told = new ArrayList<>();
        world.device().faults().whenPowerIsCut(told::add);
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, BLOCK));
        assertEquals(List.of(), told);

        assertEquals(EIO, world.append(2, stamped(3, BLOCK)));
        assertFalse(world.device().faults().cutPower(new PowerCut(0, Keep.ALL), AfterCut.STOP));
        assertEquals(List.of(AfterCut.CONTINUE), told);
        world.reopen();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void imageIsWholeAfterTheCut() throws Exception {
        world.device().faults().expectPowerCut();
        world.append(2, stamped(1, CAPACITY));
        world.append(3, stamped(2, 100 * BLOCK));
        world.run(BlockOp.ZONE_RESET_ALL, 0);
        world.append(3, stamped(3, 50 * BLOCK));
        world.device().faults().cutPower(new PowerCut(5, Keep.RANDOM), AfterCut.STOP);
        world.close();

        CheckResult result = ImageChecker.check(world.image);
        assertEquals(CheckResult.Status.CLEAN, result.status(), () -> String.valueOf(result.findings()));
    }
}
