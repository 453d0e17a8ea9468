package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Acknowledged but unflushed writes, which survive the death of the server but not a power cut. */
final class ServerDeathTest {

    private static final int BLOCK = World.BLOCK;
    private static final int CAPACITY = 768 << 10;
    private static final int CLUSTER = 64 << 10;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    @Test
    void acknowledgedWritesSurviveWithoutAFlush() {
        world.write(zone2, stamped(1, 3 * BLOCK));
        world.append(3, stamped(2, CLUSTER + BLOCK));
        world.write(BLOCK, stamped(3, 2 * BLOCK));
        world.killAndRecover();

        assertEquals(3 * BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, 3 * BLOCK));
        assertEquals(CLUSTER + BLOCK, world.pointer(3));
        assertStamped(2, world.read(world.start(3), CLUSTER + BLOCK));
        assertStamped(3, world.read(BLOCK, 2 * BLOCK));
    }

    @Test
    void acknowledgedWritesAreDurableOnceTheDeviceIsTakenOver() {
        world.write(zone2, stamped(1, 3 * BLOCK));
        world.killAndRecover();
        world.cutPowerAndOpen();

        assertEquals(3 * BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, 3 * BLOCK));
    }

    @Test
    void zonesKeepTheirConditions() {
        world.write(zone2, stamped(1, BLOCK));
        world.run(BlockOp.ZONE_OPEN, 3);
        world.write(world.start(4), stamped(4, BLOCK));
        world.run(BlockOp.ZONE_CLOSE, 4);
        world.write(world.start(5), stamped(5, CAPACITY));
        world.write(world.start(6), stamped(6, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 6);
        world.write(world.start(7), stamped(7, BLOCK));
        world.run(BlockOp.ZONE_RESET, 7);
        world.killAndRecover();

        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        assertEquals(ZoneCondition.EXPLICIT_OPEN, world.condition(3));
        assertEquals(ZoneCondition.CLOSED, world.condition(4));
        assertEquals(ZoneCondition.FULL, world.condition(5));
        assertEquals(ZoneCondition.FULL, world.condition(6));
        assertEquals(1 << 20, world.pointer(6));
        assertEquals(ZoneCondition.EMPTY, world.condition(7));
    }

    @Test
    void implicitlyClosedZoneStaysClosed() {
        World limited = new World(World.smallOptions().maxOpenZones(1).build());
        limited.write(limited.start(2), stamped(1, BLOCK));
        limited.write(limited.start(3), stamped(2, BLOCK));
        limited.killAndRecover();

        assertEquals(ZoneCondition.CLOSED, limited.condition(2));
        assertEquals(ZoneCondition.IMPLICIT_OPEN, limited.condition(3));
    }

    @Test
    void unacknowledgedTailIsRolledBackAndReadsAsZeros() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall first = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        IoCall second = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(3, BLOCK));
        world.port.complete(second);
        assertTrue(!first.done && !second.done, "an append completed before the one below it");
        world.killAndRecover();

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(0, world.read(zone2 + BLOCK, 2 * BLOCK));
        assertEquals(2 * BLOCK, world.write(zone2 + BLOCK, stamped(4, 2 * BLOCK)));
    }

    @Test
    void unacknowledgedFirstWriteLeavesTheZoneEmpty() {
        world.write(world.start(3), stamped(1, BLOCK));
        world.port.hold();
        world.submit(BlockOp.WRITE, zone2, stamped(2, BLOCK));
        world.step();
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        world.killAndRecover();

        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(BLOCK, world.write(zone2, stamped(2, BLOCK)));
    }

    @Test
    void lastWriteIsAcceptedOneMoreTime() {
        world.write(zone2, stamped(1, BLOCK));
        world.write(zone2 + BLOCK, stamped(2, 2 * BLOCK));
        world.killAndRecover();

        assertEquals(2 * BLOCK, world.write(zone2 + BLOCK, stamped(2, 2 * BLOCK)));
        assertEquals(3 * BLOCK, world.pointer(2));
        assertEquals(-BlockErrors.EIO, world.write(zone2 + BLOCK, stamped(2, 2 * BLOCK)));
        assertEquals(BLOCK, world.write(zone2 + 3 * BLOCK, stamped(3, BLOCK)));
        assertStamped(2, world.read(zone2 + BLOCK, 2 * BLOCK));
    }

    @Test
    void lastWriteThatFilledItsZoneIsAcceptedAgain() {
        world.write(zone2, stamped(1, CAPACITY - BLOCK));
        world.writeFua(zone2 + CAPACITY - BLOCK, stamped(2, BLOCK));
        world.killAndRecover();

        assertEquals(BLOCK, world.writeFua(zone2 + CAPACITY - BLOCK, stamped(2, BLOCK)));
        assertEquals(ZoneCondition.FULL, world.condition(2));
    }

    @Test
    void differentWriteIsNotMistakenForTheLast() {
        world.write(zone2, stamped(1, BLOCK));
        world.write(zone2 + BLOCK, stamped(2, 2 * BLOCK));
        world.killAndRecover();

        assertEquals(-BlockErrors.EIO, world.write(zone2 + 2 * BLOCK, stamped(2, BLOCK)));
        assertEquals(-BlockErrors.EIO, world.write(zone2 + BLOCK, stamped(2, 2 * BLOCK)), "after another write");
    }

    /** The disk works again when the next server tries. */
    @Test
    void onlyFlushedDataCountsAfterAFailedSyncInARecovery() {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        world.forgetAll(SimulatedDisk.Survival.NOTHING);
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.SYNC ? BlockErrors.EIO : 0);
        assertThrows(IOException.class, world::recover);
        world.image.failNothing();
        world.killAndRecover();

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void spaceOfAFinishedZoneHasOneOwner() {
        World tight = new World(World.smallOptions().build());
        tight.write(tight.start(2), stamped(2, BLOCK));
        tight.run(BlockOp.ZONE_FINISH, 2);
        tight.flush();
        for (int zone = 3; zone < 6; zone++) {
            tight.write(tight.start(zone), stamped(zone, CAPACITY));
        }
        tight.killAndRecover();

        assertStamped(0, tight.read(tight.start(2) + BLOCK, CAPACITY - BLOCK));
        for (int zone = 3; zone < 6; zone++) {
            assertStamped(zone, tight.read(tight.start(zone), CAPACITY));
        }
    }

    @Test
    void imageIsConsistentAfterTakeoverAndClose() throws IOException {
        for (int zone = 2; zone < 9; zone++) {
            world.write(world.start(zone), stamped(zone, zone * CLUSTER + BLOCK));
        }
        world.run(BlockOp.ZONE_RESET, 4);
        world.run(BlockOp.ZONE_FINISH, 5);
        world.write(world.start(4), stamped(1, BLOCK));
        world.killAndRecover();
        world.write(world.start(4) + BLOCK, stamped(1, BLOCK));
        world.killAndRecover();
        world.close();

        CheckResult checked = ImageChecker.check(world.image);
        assertEquals(CheckResult.Status.CLEAN, checked.status(), () -> "" + checked.findings());
        world.open();
        assertEquals(2 * BLOCK, world.pointer(4));
        assertEquals(8 * CLUSTER + BLOCK, world.pointer(8));
    }

    @Test
    void failedWriteOfTheMappingFailsTheWriteAndLeavesTheWritePointer() {
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.WRITE ? BlockErrors.ENOSPC : 0);
        assertEquals(-BlockErrors.ENOSPC, world.write(zone2, stamped(1, BLOCK)));
        world.image.failNothing();
        assertEquals(0, world.pointer(2));

        assertEquals(BLOCK, world.write(zone2, stamped(1, BLOCK)));
        world.killAndRecover();
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void onlyFlushedDataCountsAfterAFailedSync() {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.SYNC ? BlockErrors.EIO : 0);
        assertEquals(-BlockErrors.EIO, world.flush());
        world.write(zone2 + 2 * BLOCK, stamped(3, BLOCK));
        world.image.failNothing();
        world.killAndRecover();

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, 2 * BLOCK));
    }

    @Test
    void stateOfAClosedImageIsObsolete() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.close();
        world.killAndRecover();

        assertEquals(BLOCK, world.pointer(2));
    }
}
