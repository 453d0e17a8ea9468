package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Finishes of zones. */
final class ZonedDeviceFinishTest {

    private static final int CLUSTER = 64 << 10;
    private static final int CAPACITY = 768 << 10;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    @Test
    void finishMakesTheZoneFullAndReadsZerosAboveItsData() {
        world.write(zone2, stamped(1, BLOCK));
        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 2));

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(1 << 20, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
        assertEquals(-BlockErrors.EIO, world.write(zone2 + BLOCK, new byte[BLOCK]));
    }

    @Test
    void finishClearsRemainsOfAFailedWrite() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall failing = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, 4 * CLUSTER));
        world.port.fail(failing, BlockErrors.EIO);
        world.port.release();
        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 2));

        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
        world.reopen();
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
    }

    @Test
    void finishClearsRemainsOfAPowerCut() {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        // Another zone's reset makes that data durable, but no write pointer for it.
        world.write(world.start(3), stamped(3, BLOCK));
        world.run(BlockOp.ZONE_RESET, 3);
        world.cutPowerAndOpen();
        assertEquals(BLOCK, world.pointer(2));
        world.run(BlockOp.ZONE_FINISH, 2);

        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
    }

    @Test
    void failureToClearFailsTheFinishAndLeavesTheZoneUnchanged() {
        world.write(zone2, stamped(1, BLOCK));
        world.image.failWhere((call, offset, length) -> call == Call.PUNCH ? BlockErrors.EIO : 0);
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_FINISH, 2));
        world.image.failNothing();

        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        assertEquals(BLOCK, world.write(zone2 + BLOCK, stamped(2, BLOCK)));
    }

    @Test
    void finishWaitsForWritesInFlight() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall write = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        IoCall finish = world.submit(BlockOp.ZONE_FINISH, 2);
        world.step();
        assertFalse(finish.done);
        world.port.complete(write);
        world.settle();

        assertTrue(finish.succeeded() && write.succeeded());
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void finishOfAFullZoneDoesNoIo() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.image.events.clear();

        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 2));
        assertEquals(List.of(), world.image.events);
    }
}
