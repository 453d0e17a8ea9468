package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.sim.ImageAreas;
import io.ublkzoned.engine.sim.ImageAreas.Area;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The defects of the published patches that first gave qcow2 zones. Each test checks the correct behaviour. */
final class SeedDefectsTest {

    private static final int CAPACITY = 768 << 10;
    private static final int SIZE = 1 << 20;
    private static final long GIB = 1L << 30;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private static World limited(int maxOpen, int maxActive) {
        return new World(World.smallOptions()
                .maxOpenZones(maxOpen)
                .maxActiveZones(maxActive)
                .build());
    }

    private static int write(World world, int zone) {
        return world.append(zone, stamped(zone, BLOCK));
    }

    @Test
    void openOfExplicitlyOpenZoneSucceeds() {
        assertEquals(0, world.run(BlockOp.ZONE_OPEN, 2));
        assertEquals(0, world.run(BlockOp.ZONE_OPEN, 2));
        assertEquals(ZoneCondition.EXPLICIT_OPEN, world.condition(2));
    }

    @Test
    void openOfFullZoneIsRefusedAndItStaysFull() {
        world.write(zone2, stamped(1, CAPACITY));

        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_OPEN, 2));
        assertEquals(ZoneCondition.FULL, world.condition(2));
    }

    @Test
    void openOfEmptyZoneNeedsAnOpenPlaceToo() {
        World world = limited(1, 0);
        world.run(BlockOp.ZONE_OPEN, 2);

        assertEquals(-BlockErrors.ETOOMANYREFS, world.run(BlockOp.ZONE_OPEN, 3));
    }

    @Test
    void closeOfClosedZoneTouchesNoOtherZone() {
        World world = limited(1, 0);
        write(world, 2);
        write(world, 3);
        assertEquals(ZoneCondition.CLOSED, world.condition(2));

        assertEquals(0, world.run(BlockOp.ZONE_CLOSE, 2));
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(3));
        world.run(BlockOp.ZONE_OPEN, 3);
        assertEquals(0, world.run(BlockOp.ZONE_CLOSE, 2), "refused for want of a place that it does not need");
    }

    @Test
    void closeOfUnwrittenZoneMakesItEmptyAgain() {
        World world = limited(1, 1);
        world.run(BlockOp.ZONE_OPEN, 2);
        world.run(BlockOp.ZONE_CLOSE, 2);

        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(BLOCK, write(world, 3));
    }

    @Test
    void finishOfClosedZoneFreesItsActivePlaceOnce() {
        World world = limited(2, 2);
        write(world, 2);
        world.run(BlockOp.ZONE_CLOSE, 2);
        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 2));

        assertEquals(BLOCK, write(world, 3));
        assertEquals(BLOCK, write(world, 4));
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 5));
    }

    @Test
    void finishOfTheLastZoneStaysOnTheDevice() {
        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 15));
        assertEquals(world.geometry().sizeBytes(), world.report(15).writePointer());
        world.reopen();
        assertEquals(ZoneCondition.FULL, world.condition(15));
    }

    @Test
    void writeAheadOfWritePointerFails() {
        assertEquals(-BlockErrors.EIO, world.write(zone2 + BLOCK, stamped(1, BLOCK)));
        assertStamped(0, world.read(zone2, 2 * BLOCK));
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void writeAcrossTheCapacityFailsBeforeAnyDataIsWritten() {
        world.write(zone2, stamped(1, CAPACITY - BLOCK));
        world.image.events.clear();

        assertEquals(-BlockErrors.EIO, world.write(zone2 + CAPACITY - BLOCK, stamped(2, 2 * BLOCK)));
        assertEquals(List.of(), world.image.events);
        assertEquals(CAPACITY - BLOCK, world.pointer(2));
    }

    @Test
    void conventionalZoneTakesAnyWrite() {
        long zone1 = world.start(1);
        assertEquals(BLOCK, world.write(zone1 + 5 * BLOCK, stamped(1, BLOCK)));
        assertEquals(BLOCK, world.write(zone1, stamped(2, BLOCK)));
        assertEquals(BLOCK, world.write(zone1 + SIZE - BLOCK, stamped(3, BLOCK)));
        assertEquals(BLOCK, world.write(zone1, stamped(4, BLOCK)));

        assertStamped(4, world.read(zone1, BLOCK));
        assertStamped(1, world.read(zone1 + 5 * BLOCK, BLOCK));
        assertStamped(3, world.read(zone1 + SIZE - BLOCK, BLOCK));
    }

    @Test
    void conventionalZoneIsReportedAsSuch() {
        assertEquals(ZoneCondition.NOT_WP, world.condition(1));
        assertEquals(SIZE, world.report(1).capacity());
        assertEquals(CAPACITY, world.report(2).capacity());
        for (BlockOp op : List.of(BlockOp.ZONE_OPEN, BlockOp.ZONE_CLOSE, BlockOp.ZONE_FINISH, BlockOp.ZONE_RESET)) {
            assertEquals(-BlockErrors.EIO, world.run(op, 0), op::toString);
        }
    }

    @Test
    void zoneWithCapacityBelowSizeBecomesFullAtCapacity() {
        World world = limited(1, 1);
        long start = world.start(2);
        world.write(start, stamped(1, CAPACITY - BLOCK));
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        world.write(start + CAPACITY - BLOCK, stamped(1, BLOCK));

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(BLOCK, write(world, 3), "the full zone kept its place");
    }

    @Test
    void appendToFullZoneDoesNotReachNextZone() {
        World world = new World(FormatOptions.ofSize(4 << 20).zoneSize(SIZE).build());
        world.write(world.start(1), stamped(1, SIZE));

        assertEquals(-BlockErrors.EIO, world.append(1, stamped(2, BLOCK)));
        assertEquals(0, world.pointer(2));
        assertStamped(0, world.read(world.start(2), BLOCK));
    }

    @Test
    void appendToConventionalFails() {
        assertEquals(-BlockErrors.EIO, world.append(0, stamped(1, BLOCK)));
        assertStamped(0, world.read(world.start(0), BLOCK));
    }

    @Test
    void failedWriteIsRolledBack() {
        write(world, 2);
        world.port.hold();
        IoCall failing = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.port.fail(failing, BlockErrors.EIO);
        world.port.release();

        assertEquals(BLOCK, world.pointer(2));
        world.flush();
        world.cutPowerAndOpen();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void writePointerIsNotWrittenBeforeItsDataHasArrived() {
        write(world, 2);
        world.flush();
        world.port.hold();
        world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.submit(BlockOp.FLUSH, 0, new byte[0]);
        world.step();
        world.cutPowerAndOpen();

        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void twoConcurrentAppendsNeverShareAPlace() {
        write(world, 2);
        world.port.hold();
        IoCall first = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK));
        IoCall second = world.queues[1].submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK), false);
        world.settle();

        assertEquals(zone2 + BLOCK, first.place);
        assertEquals(zone2 + 2 * BLOCK, second.place);
    }

    @Test
    void twoConcurrentWritesNeverShareAPlace() {
        write(world, 2);
        world.port.hold();
        IoCall first = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(1, BLOCK));
        IoCall second = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.settle();

        assertEquals(BLOCK, first.result);
        assertEquals(-BlockErrors.EIO, second.result);
        assertStamped(1, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void otherRequestsContinueDuringAnAppend() {
        write(world, 2);
        write(world, 3);
        world.port.hold();
        IoCall slow = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK));
        IoCall other = world.submit(BlockOp.ZONE_APPEND, world.start(3), stamped(2, BLOCK));
        IoCall open = world.submit(BlockOp.ZONE_OPEN, 4);
        world.port.complete(other);

        assertTrue(open.succeeded() && other.succeeded());
        assertFalse(slow.done);
    }

    @Test
    void closedCountIsRebuiltAtOpen() {
        World world = limited(2, 2);
        write(world, 2);
        write(world, 3);
        world.reopen();
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 4));
        world.run(BlockOp.ZONE_RESET, 2);
        world.run(BlockOp.ZONE_RESET, 3);

        assertEquals(BLOCK, write(world, 4));
        assertEquals(BLOCK, write(world, 5));
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 6));
    }

    @Test
    void openLimitWithoutAnActiveLimitHolds() {
        World world = limited(1, 0);
        world.run(BlockOp.ZONE_OPEN, 2);
        assertEquals(-BlockErrors.ETOOMANYREFS, write(world, 3));
        world.reopen();
        world.run(BlockOp.ZONE_OPEN, 2);
        assertEquals(-BlockErrors.ETOOMANYREFS, write(world, 3));
    }

    @Test
    void resetAllWithOneZoneIsNotConfusedWithAReset() {
        World world = new World(FormatOptions.ofSize(SIZE).zoneSize(SIZE).build());
        write(world, 0);
        assertEquals(0, world.run(BlockOp.ZONE_OPEN, 0));
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 0));
        write(world, 0);
        assertEquals(0, world.resetAll());

        assertEquals(ZoneCondition.EMPTY, world.condition(0));
    }

    @Test
    void resetOfConventionalIsRefused() {
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 0));
    }

    @Test
    void failureOfAResetIsReported() {
        write(world, 2);
        ImageAreas areas = new ImageAreas(world.image);
        world.image.failWhere((call, offset, length) ->
                call == Call.WRITE && areas.of(offset) == Area.WRITE_POINTERS ? BlockErrors.EIO : 0);

        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 2));
    }

    @Test
    void resetBeyondFourGiBClearsItsZoneAndNothingElse() {
        World world = new World(FormatOptions.ofSize(16 * GIB)
                .zoneSize(2 * GIB)
                .clusterSize(2 << 20)
                .build());
        for (int zone = 0; zone < 8; zone++) {
            assertEquals(0, world.pointer(zone), "zone " + zone);
            write(world, zone);
        }
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 5));

        for (int zone = 0; zone < 8; zone++) {
            assertEquals(zone == 5 ? 0 : BLOCK, world.pointer(zone), "zone " + zone);
            assertStamped(zone == 5 ? 0 : zone, world.read(zone * 2L * GIB, BLOCK));
        }
        world.run(BlockOp.ZONE_FINISH, 7);
        world.reopen();
        assertEquals(16 * GIB, world.report(7).writePointer());
        assertEquals(12 * GIB + BLOCK, world.report(6).writePointer());
    }

    @Test
    void resetReleasesSpace() {
        world.reopen();
        long before = world.image.allocatedBytes();
        world.write(zone2, stamped(1, CAPACITY));
        world.run(BlockOp.ZONE_RESET, 2);
        world.reopen();

        assertTrue(world.image.allocatedBytes() < before + CAPACITY / 8, "the data is still in the file");
    }

    @Test
    void dataOfAResetZoneReadsZeros() {
        world.write(zone2, stamped(1, CAPACITY));
        world.run(BlockOp.ZONE_RESET, 2);

        assertStamped(0, world.read(zone2, SIZE));
    }

    @Test
    void leastRecentlyWrittenZoneIsClosedNotTheFirstInATable() {
        World world = limited(2, 0);
        write(world, 2);
        write(world, 3);
        write(world, 2);
        write(world, 4);

        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(3));
    }

    @Test
    void openLimitWithOnlyExplicitlyOpenZonesIsAnErrorAndNoCrash() {
        World world = limited(1, 1);
        world.run(BlockOp.ZONE_OPEN, 2);
        write(world, 2);
        world.run(BlockOp.ZONE_CLOSE, 2);
        world.run(BlockOp.ZONE_OPEN, 2);

        assertEquals(-BlockErrors.EOVERFLOW, write(world, 3));
        assertEquals(BLOCK, write(world, 2));
    }

    @Test
    void zoneClosedToMakeRoomCanBeOpenedAndClosedAgainManyTimes() {
        World world = limited(1, 2);
        for (int round = 0; round < 20; round++) {
            assertEquals(BLOCK, write(world, 2), "round " + round);
            assertEquals(BLOCK, write(world, 3), "round " + round);
        }
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 4));
    }
}
