package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.sim.ImageAreas;
import io.ublkzoned.engine.sim.ImageAreas.Area;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.TestData;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Resets of one zone, and of all zones. */
final class ZonedDeviceResetTest {

    private static final int CLUSTER = 64 << 10;
    private static final int CAPACITY = 768 << 10;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private List<String> writesAndSyncs() {
        return new ImageAreas(world.image).writesAndSyncs();
    }

    private IoCall write(long offset, long stamp) {
        return world.submit(BlockOp.WRITE, offset, stamped(stamp, BLOCK));
    }

    @Test
    void resetMakesTheZoneEmptyAndItsDataZeros() {
        world.write(zone2, stamped(1, CAPACITY));
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 2));

        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(0, world.pointer(2));
        assertStamped(0, world.read(zone2, 1 << 20));
    }

    @Test
    void oldDataOfAResetZoneReadsZerosPastAShorterRewrite() {
        world.write(zone2, stamped(1, CAPACITY));
        world.run(BlockOp.ZONE_RESET, 2);
        world.write(zone2, stamped(2, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 2);

        assertStamped(2, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
        world.reopen();
        assertStamped(0, world.read(zone2 + BLOCK, (1 << 20) - BLOCK));
    }

    @Test
    void writePointerOfAResetIsDurableBeforeItCompletesAndBeforeSpaceIsReleased() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.image.events.clear();
        world.run(BlockOp.ZONE_RESET, 2);

        assertEquals(List.of("WRITE_POINTERS", "HEADER", "SYNC", "PUNCH"), writesAndSyncs());
    }

    @Test
    void completedResetSurvivesAPowerCut() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.run(BlockOp.ZONE_RESET, 2);
        world.cutPowerAndOpen();

        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertStamped(0, world.read(zone2, 1 << 20));
    }

    @Test
    void resetOfAnEmptyZoneCompletesImmediatelyWithoutIo() {
        IoCall reset = world.submit(BlockOp.ZONE_RESET, 2);

        assertTrue(reset.done);
        assertEquals(0, reset.result);
        assertEquals(List.of(), world.image.events);
    }

    @Test
    void resetOfAConventionalZoneIsRefusedAndKeepsItsData() {
        world.write(world.start(1), stamped(1, BLOCK));

        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 1));
        assertStamped(1, world.read(world.start(1), BLOCK));
    }

    @Test
    void resetReturnsSpaceToTheFileSystem() {
        world.reopen();
        long before = world.image.allocatedBytes();
        world.write(zone2, stamped(1, CAPACITY));
        assertTrue(world.image.allocatedBytes() >= before + CAPACITY);
        world.run(BlockOp.ZONE_RESET, 2);
        world.reopen();

        assertTrue(
                world.image.allocatedBytes() <= before + CLUSTER,
                () -> world.image.allocatedBytes() - before + " bytes were not given back");
    }

    @Test
    void resetWaitsForTransfersInFlight() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        IoCall write = write(zone2 + BLOCK, 2);
        IoCall reset = world.submit(BlockOp.ZONE_RESET, 2);
        world.step();
        assertFalse(reset.done);
        world.port.complete(read);
        world.step();
        assertFalse(reset.done);
        world.port.complete(write);
        world.step();

        assertTrue(reset.succeeded() && read.succeeded() && write.succeeded());
        assertStamped(1, read.data);
        assertEquals(0, world.pointer(2));
    }

    @Test
    void requestsDuringAResetWaitAndThenContinue() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall slow = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        IoCall reset = world.submit(BlockOp.ZONE_RESET, 2);
        world.step();
        IoCall append = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        assertEquals(0, world.port.heldParts(append) + world.port.heldParts(read));
        world.port.complete(slow);
        world.settle();

        assertTrue(reset.succeeded());
        assertEquals(zone2, append.place);
        assertStamped(2, world.read(zone2, BLOCK));
        assertFalse(TestData.stampAt(read.data, 0) == 1, "a read after the reset shows what was before");
    }

    @Test
    void otherZonesContinueDuringAReset() {
        world.write(zone2, stamped(1, BLOCK));
        world.write(world.start(3), stamped(1, BLOCK));
        world.port.hold();
        world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        world.submit(BlockOp.ZONE_RESET, 2);
        world.step();
        IoCall other = write(world.start(3) + BLOCK, 2);
        world.port.complete(other);

        assertTrue(other.succeeded());
    }

    @Test
    void freedClustersArePunchedAndSyncedBeforeTheyAreUsedAgain() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.run(BlockOp.ZONE_RESET, 2);
        world.write(zone2, stamped(2, BLOCK));
        world.flush();
        world.image.events.clear();
        // Twelve zones of data do not fit without the clusters of the first one.
        for (int zone = 3; zone < 16; zone++) {
            world.write(world.start(zone), stamped(zone, CAPACITY));
        }
        world.run(BlockOp.ZONE_RESET, 3);
        world.write(world.start(3), stamped(99, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 3);

        assertStamped(99, world.read(world.start(3), BLOCK));
        assertStamped(0, world.read(world.start(3) + BLOCK, CAPACITY - BLOCK));
        assertReusedClustersWerePunchedAndSynced();
    }

    /** Checks in the record of calls that no data goes to a place that was punched and not synced since. */
    private void assertReusedClustersWerePunchedAndSynced() {
        long[] punchedFrom = new long[64];
        long[] punchedTo = new long[64];
        int unsynced = 0;
        for (SimulatedDisk.Event event : world.image.events) {
            switch (event.call()) {
                case PUNCH -> {
                    punchedFrom[unsynced] = event.offset();
                    punchedTo[unsynced++] = event.offset() + event.length();
                }
                case SYNC -> unsynced = 0;
                case DATA_WRITE -> {
                    for (int i = 0; i < unsynced; i++) {
                        boolean apart =
                                event.offset() >= punchedTo[i] || event.offset() + event.length() <= punchedFrom[i];
                        assertTrue(apart, () -> "written before its hole was durable: " + event);
                    }
                }
                case READ, WRITE, DATA_READ, SET_SIZE -> {}
            }
        }
    }

    @Test
    void clustersOfAResetZoneAreUsedAgain() {
        for (int round = 0; round < 5; round++) {
            world.write(zone2, stamped(round + 1, CAPACITY));
            world.flush();
            world.run(BlockOp.ZONE_RESET, 2);
            world.flush();
        }
        assertTrue(
                world.image.sizeBytes() < 5 * CAPACITY,
                () -> "the file has grown to " + world.image.sizeBytes() + " bytes");
    }

    @Test
    void clustersOfAZoneResetAfterReopeningBelongToTheNextOwnerAlone() {
        world.write(zone2, stamped(1, CAPACITY));
        world.reopen();
        world.run(BlockOp.ZONE_RESET, 2);
        world.flush();
        world.write(world.start(3), stamped(3, CAPACITY));
        world.reopen();
        world.write(zone2, stamped(2, CAPACITY));

        assertStamped(2, world.read(zone2, CAPACITY));
        assertStamped(3, world.read(world.start(3), CAPACITY));
    }

    @Test
    void resetAllSkipsConventionalZonesAndNeedsOneSync() {
        world.write(world.start(0), stamped(1, BLOCK));
        for (int zone = 2; zone < 8; zone++) {
            world.write(world.start(zone), stamped(zone, BLOCK));
        }
        world.flush();
        world.image.events.clear();
        assertEquals(0, world.resetAll());

        assertEquals(List.of("WRITE_POINTERS", "HEADER", "SYNC", "PUNCH"), writesAndSyncs());
        assertStamped(1, world.read(world.start(0), BLOCK));
        assertEquals(ZoneCondition.NOT_WP, world.condition(0));
        for (int zone = 2; zone < 16; zone++) {
            assertEquals(ZoneCondition.EMPTY, world.condition(zone), "zone " + zone);
            assertStamped(0, world.read(world.start(zone), BLOCK));
        }
    }

    @Test
    void resetAllOfAnUntouchedDeviceSucceedsWithoutIo() {
        assertEquals(0, world.resetAll());
        assertEquals(List.of(), world.image.events);
    }

    @Test
    void resetAllMeetsASingleResetInTheSameZone() {
        world.write(zone2, stamped(1, BLOCK));
        world.write(world.start(3), stamped(1, BLOCK));
        world.port.hold();
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        IoCall single = world.submit(BlockOp.ZONE_RESET, 2);
        IoCall all = world.submit(BlockOp.ZONE_RESET_ALL, 0, new byte[0]);
        IoCall finish = world.submit(BlockOp.ZONE_FINISH, 3);
        world.step();
        world.port.complete(read);
        world.settle();

        assertTrue(single.succeeded() && all.succeeded() && finish.succeeded());
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void failedResetLeavesTheZoneUnchanged() {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        ImageAreas areas = new ImageAreas(world.image);
        world.image.failWhere((call, offset, length) ->
                call == Call.WRITE && areas.of(offset) == Area.WRITE_POINTERS ? BlockErrors.EIO : 0);
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 2));
        world.image.failNothing();

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertEquals(0, world.flush());
        world.cutPowerAndOpen();
        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void failedSyncFailsTheReset() {
        world.write(zone2, stamped(1, BLOCK));
        world.image.failWhere((call, offset, length) -> call == Call.SYNC ? BlockErrors.EIO : 0);

        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 2));
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void clustersThatCannotBePunchedAreNotAllocatedAgain() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.image.failWhere((call, offset, length) -> call == Call.PUNCH ? BlockErrors.EOPNOTSUPP : 0);
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 2));
        world.image.failNothing();
        world.flush();
        world.write(world.start(3), stamped(2, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 3);

        assertStamped(0, world.read(world.start(3) + BLOCK, CAPACITY - BLOCK));
    }

    @Test
    void closePunchesClustersThatCouldNotBePunchedBefore() throws IOException {
        resetWithoutPunching();
        world.image.failNothing();
        world.close();

        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
    }

    @Test
    void imageWhoseReleasedSpaceCannotBePunchedIsRecoveredAtTheNextOpen() throws IOException {
        world.write(world.start(3), stamped(3, BLOCK));
        resetWithoutPunching();
        assertThrows(IOException.class, world::close);
        assertTrue(new ImageAreas(world.image).isMarkedDirty());
        world.image.failNothing();
        world.cutPowerAndOpen();
        assertStamped(3, world.read(world.start(3), BLOCK));
        world.close();

        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
    }

    @Test
    void clustersOfAPartlyAllocatedWriteAreMappedAtClose() throws IOException {
        world.image.failWhere((call, offset, length) -> call == Call.PUNCH ? BlockErrors.EOPNOTSUPP : 0);
        byte[] data = stamped(2, CAPACITY);
        while (world.write(zone2, data) == CAPACITY) {
            world.run(BlockOp.ZONE_RESET, 2);
        }
        world.image.failNothing();
        world.run(BlockOp.ZONE_RESET, 2);
        assertEquals(-BlockErrors.ENOSPC, world.write(0, stamped(1, 1 << 20)));
        world.close();

        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
    }

    private void resetWithoutPunching() {
        world.write(zone2, stamped(1, CAPACITY));
        world.flush();
        world.image.failWhere((call, offset, length) -> call == Call.PUNCH ? BlockErrors.EOPNOTSUPP : 0);
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 2));
    }
}
