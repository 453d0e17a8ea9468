package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The counts and the history of a device. */
final class ZonedDeviceActivityTest {

    private static World limited() {
        return new World(World.smallOptions().maxOpenZones(2).maxActiveZones(3).build());
    }

    private static void write(World world, int zone) {
        assertEquals(BLOCK, world.append(zone, stamped(zone, BLOCK)));
    }

    private static List<ZoneCondition> conditions(World world, int zone) {
        return world.device().history(zone).stream()
                .map(ConditionChange::condition)
                .toList();
    }

    @Test
    void countsFollowTheZones() {
        World world = limited();
        long empty = world.device().counts().allocatedBytes();
        write(world, 2);
        write(world, 3);
        write(world, 4);
        ZoneCounts counts = world.device().counts();
        assertEquals(2, counts.open());
        assertEquals(3, counts.active());
        assertEquals(1, counts.implicitCloses());
        assertEquals(0, counts.resets());
        assertTrue(counts.allocatedBytes() > empty);

        world.run(BlockOp.ZONE_RESET, 2);
        world.run(BlockOp.ZONE_RESET_ALL, 0);
        counts = world.device().counts();
        assertEquals(0, counts.active());
        assertEquals(3, counts.resets(), "a reset of all zones counts those that held data");
        assertEquals(1, counts.implicitCloses());
    }

    @Test
    void closeThatWasAskedForIsNotImplicit() {
        World world = limited();
        write(world, 2);
        world.run(BlockOp.ZONE_CLOSE, 2);
        assertEquals(0, world.device().counts().implicitCloses());
    }

    @Test
    void requestsOfAZoneCountIfTheyMovedData() {
        World world = limited();
        write(world, 2);
        write(world, 2);
        world.read(world.start(2), BLOCK);
        world.run(BlockOp.ZONE_FINISH, 2);
        assertEquals(-BlockErrors.EIO, world.write(world.start(2), stamped(2, BLOCK)));
        world.read(0, BLOCK);
        int[] requests = world.device().requestsPerZone(0, 4);
        assertEquals(3, requests[2]);
        assertEquals(1, requests[0]);
        assertEquals(0, requests[3]);
    }

    @Test
    void historyHasEachChangeWithItsWritePointer() {
        World world = limited();
        long before = System.currentTimeMillis();
        write(world, 2);
        write(world, 3);
        write(world, 4);
        world.run(BlockOp.ZONE_RESET, 2);
        assertEquals(
                List.of(ZoneCondition.IMPLICIT_OPEN, ZoneCondition.CLOSED, ZoneCondition.EMPTY), conditions(world, 2));
        assertEquals(List.of(ZoneCondition.IMPLICIT_OPEN), conditions(world, 3));
        assertEquals(List.of(), conditions(world, 5));
        List<ConditionChange> changes = world.device().history(2);
        assertEquals(world.start(2) + BLOCK, changes.get(1).writePointerBytes());
        assertEquals(world.start(2), changes.get(2).writePointerBytes());
        assertTrue(changes.stream().allMatch(change -> change.timeMillis() >= before));
    }

    @Test
    void historyKeepsTheLatestChanges() {
        World world = limited();
        write(world, 3);
        for (int i = 0; i < ConditionHistory.CHANGES_MAX / 2; i++) {
            world.run(BlockOp.ZONE_OPEN, 2);
            world.run(BlockOp.ZONE_CLOSE, 2);
        }
        assertEquals(List.of(), conditions(world, 3));
        assertEquals(ConditionHistory.CHANGES_MAX, conditions(world, 2).size());
        assertEquals(ZoneCondition.EMPTY, conditions(world, 2).getLast());
    }
}
