package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.sim.FakeQueue;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Reads, writes and appends of the device. */
final class ZonedDeviceDataTest {

    private static final int CLUSTER = 64 << 10;
    private static final int CAPACITY = 768 << 10;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private IoCall append(long stamp) {
        IoCall call = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(stamp, BLOCK));
        world.step();
        return call;
    }

    /** Writes and resets the zone, so that its mapping is loaded and nothing waits for it. */
    private void warmUp(int zone) {
        world.write(world.start(zone), new byte[BLOCK]);
        world.run(BlockOp.ZONE_RESET, zone);
        world.image.events.clear();
    }

    @Test
    void writtenDataIsReadBack() {
        assertEquals(BLOCK, world.write(zone2, stamped(7, BLOCK)));

        assertStamped(7, world.read(zone2, BLOCK));
        assertEquals(BLOCK, world.pointer(2));
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
    }

    @Test
    void readsBeyondTheWritePointerReturnZerosWithoutImageAccess() {
        byte[] data = world.read(zone2, 1 << 20);

        assertStamped(0, data);
        assertEquals(List.of(), world.image.events);
    }

    @Test
    void readAcrossTheWritePointerReturnsDataAndThenZeros() {
        world.write(zone2, stamped(7, 3 * BLOCK));

        byte[] data = world.read(zone2 + 2 * BLOCK, 2 * BLOCK);

        assertStamped(7, data, 0, BLOCK);
        assertStamped(0, data, BLOCK, 2 * BLOCK);
    }

    @Test
    void readSpansSeparateClustersAndHoles() {
        long zone0 = world.start(0);
        world.write(zone0 + (1 << 20) - CLUSTER, stamped(3, CLUSTER));
        world.write(zone0, stamped(1, CLUSTER));
        world.reopen();

        byte[] data = world.read(zone0, 1 << 20);

        assertStamped(1, data, 0, CLUSTER);
        assertStamped(0, data, CLUSTER, (1 << 20) - CLUSTER);
        assertStamped(3, data, (1 << 20) - CLUSTER, 1 << 20);
    }

    @Test
    void unwrittenConventionalZoneReadsZeros() {
        assertStamped(0, world.read(world.start(1), 1 << 20));
    }

    @Test
    void unwrittenPartOfAClusterReadsZeros() {
        long zone1 = world.start(1);
        world.write(zone1 + 5 * BLOCK, stamped(9, BLOCK));

        byte[] data = world.read(zone1 + 4 * BLOCK, 3 * BLOCK);

        assertStamped(0, data, 0, BLOCK);
        assertStamped(9, data, BLOCK, 2 * BLOCK);
        assertStamped(0, data, 2 * BLOCK, 3 * BLOCK);
    }

    @Test
    void concurrentAppendsGetPlacesInTheOrderOfTheirArrival() {
        warmUp(2);
        world.port.hold();
        List<IoCall> calls = List.of(append(1), append(2), append(3));
        world.settle();

        for (int i = 0; i < 3; i++) {
            assertEquals(zone2 + (long) i * BLOCK, calls.get(i).place);
            assertStamped(i + 1, world.read(zone2 + (long) i * BLOCK, BLOCK));
        }
        assertEquals(3 * BLOCK, world.pointer(2));
    }

    @Test
    void appendsCompleteInOrderWhateverOrderTheirDataArrivesIn() {
        warmUp(2);
        world.port.hold();
        IoCall first = append(1);
        IoCall second = append(2);
        IoCall third = append(3);

        world.port.complete(third);
        world.step();
        assertFalse(third.done, "an append completed before those below it");
        assertEquals(0, world.pointer(2));
        world.port.complete(first);
        world.step();
        assertTrue(first.done);
        assertFalse(third.done);
        assertEquals(BLOCK, world.pointer(2));
        world.port.complete(second);
        world.step();

        assertTrue(second.done && third.done);
        assertEquals(3 * BLOCK, world.pointer(2));
    }

    @Test
    void failedAppendFailsAllLaterOnesAndMovesTheWritePointerBack() {
        warmUp(2);
        world.port.hold();
        IoCall first = append(1);
        IoCall second = append(2);
        IoCall third = append(3);

        world.port.complete(third);
        world.port.fail(second, BlockErrors.ENOSPC);
        world.step();
        assertFalse(second.done, "a failure is reported before the fate of what is below it is known");
        world.port.complete(first);
        world.step();

        assertEquals(BLOCK, first.result);
        assertEquals(-BlockErrors.ENOSPC, second.result);
        assertEquals(-BlockErrors.EIO, third.result);
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void nextWriteAfterAFailureSucceedsWhereTheFailedOneWas() {
        warmUp(2);
        world.port.hold();
        IoCall failing = append(1);
        world.port.fail(failing, BlockErrors.EIO);
        world.port.release();

        assertEquals(BLOCK, world.write(zone2, stamped(5, BLOCK)));
        assertStamped(5, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void requestsWaitWhileAZoneRecoversFromAFailureAndThenContinue() {
        warmUp(2);
        world.port.hold();
        IoCall first = append(1);
        IoCall second = append(2);
        world.port.fail(first, BlockErrors.EIO);
        IoCall waiting = append(3);
        assertEquals(0, world.port.heldParts(waiting), "given a place that the rollback takes away");
        world.port.complete(second);
        world.settle();

        assertEquals(-BlockErrors.EIO, second.result);
        assertEquals(BLOCK, waiting.result);
        assertEquals(zone2, waiting.place);
        assertStamped(3, world.read(zone2, BLOCK));
    }

    @Test
    void appendThatWaitsWhileTheZoneIsReservedToItsEndStaysInItsZone() {
        World world = new World(FormatOptions.ofSize(4 << 20).zoneSize(1 << 20).build());
        world.write(world.start(1), stamped(1, BLOCK));
        world.port.hold();
        IoCall failing = world.submit(BlockOp.WRITE, world.start(1) + BLOCK, stamped(2, BLOCK));
        int rest = (1 << 20) - 2 * BLOCK;
        IoCall last = world.submit(BlockOp.WRITE, world.start(1) + 2 * BLOCK, stamped(3, rest));
        world.port.fail(failing, BlockErrors.EIO);
        IoCall append = world.submit(BlockOp.ZONE_APPEND, world.start(1), stamped(4, BLOCK));
        world.settle();

        assertEquals(-BlockErrors.EIO, last.result);
        assertEquals(world.start(1) + BLOCK, append.place);
        assertEquals(0, world.pointer(2));
    }

    @Test
    void dataInFlightAboveTheWritePointerIsNotVisible() {
        warmUp(2);
        world.port.hold();
        append(1);
        IoCall second = append(2);
        world.port.complete(second);

        IoCall read = world.submit(BlockOp.READ, zone2, new byte[2 * BLOCK]);
        world.port.complete(read);

        assertStamped(0, read.data);
    }

    @Test
    void writeBelowWritePointerFailsWithEio() {
        world.write(zone2, stamped(1, 2 * BLOCK));

        assertEquals(-BlockErrors.EIO, world.write(zone2, stamped(2, BLOCK)));
        assertEquals(-BlockErrors.EIO, world.write(zone2 + BLOCK, stamped(2, BLOCK)));
        assertStamped(1, world.read(zone2, 2 * BLOCK));
    }

    @Test
    void zoneFilledToItsCapacityIsFullAndReadsZerosAboveIt() {
        assertEquals(CAPACITY, world.write(zone2, stamped(1, CAPACITY)));

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(1 << 20, world.pointer(2));
        byte[] data = world.read(zone2, 1 << 20);
        assertStamped(1, data, 0, CAPACITY);
        assertStamped(0, data, CAPACITY, 1 << 20);
        assertEquals(-BlockErrors.EIO, world.write(zone2 + CAPACITY, new byte[BLOCK]));
        assertEquals(-BlockErrors.EIO, world.append(2, new byte[BLOCK]));
    }

    @Test
    void writeWhoseLastPartFailsIsRolledBackAsAWhole() {
        long zone0 = world.start(0);
        // Takes the next clusters, so that the zone's data lies in two places.
        world.write(zone2, stamped(1, CAPACITY - CLUSTER));
        world.reopen();
        world.write(zone0, stamped(9, CLUSTER));
        world.read(zone2, BLOCK);
        world.port.hold();
        IoCall call = world.submit(BlockOp.WRITE, zone2 + CAPACITY - CLUSTER, stamped(2, CLUSTER));
        world.step();
        world.port.fail(world.port.heldParts(call) - 1, BlockErrors.EIO);
        world.port.release();
        world.settle();

        assertEquals(-BlockErrors.EIO, call.result);
        assertEquals(CAPACITY - CLUSTER, world.pointer(2));
        assertStamped(0, world.read(zone2 + CAPACITY - CLUSTER, CLUSTER));
    }

    @Test
    void requestsPastTheEndOfTheDeviceFailWithEio() {
        long end = world.geometry().sizeBytes();

        assertEquals(-BlockErrors.EIO, world.write(end, new byte[BLOCK]));
        IoCall below = world.submit(BlockOp.READ, -BLOCK, new byte[BLOCK]);
        IoCall far = world.submit(BlockOp.READ, Long.MAX_VALUE - 4095, new byte[BLOCK]);
        IoCall across = world.submit(BlockOp.READ, end - BLOCK, new byte[2 * BLOCK]);

        for (IoCall call : List.of(below, far, across)) {
            assertEquals(-BlockErrors.EIO, call.result, call::toString);
        }
        for (BlockOp op : List.of(BlockOp.ZONE_OPEN, BlockOp.ZONE_FINISH, BlockOp.ZONE_RESET)) {
            assertEquals(-BlockErrors.EIO, world.run(op, 16), op::toString);
        }
    }

    @Test
    void requestsThatCrossAZoneBoundaryFailWithEio() {
        long before = world.start(1) - BLOCK;

        assertEquals(-BlockErrors.EIO, world.write(before, new byte[2 * BLOCK]));
        assertEquals(-BlockErrors.EIO, world.submit(BlockOp.READ, before, new byte[2 * BLOCK]).result);
        assertStamped(0, world.read(before, BLOCK));
    }

    @Test
    void requestsWithoutDataFailWithEioAndDoNotHang() {
        for (BlockOp op : List.of(BlockOp.READ, BlockOp.WRITE, BlockOp.ZONE_APPEND)) {
            IoCall call = world.submit(op, zone2, new byte[0]);
            world.settle();
            assertTrue(call.done, op::toString);
            assertEquals(-BlockErrors.EIO, call.result, op::toString);
        }
    }

    @Test
    void completionsOfTwoQueuesInOneZoneGoToTheRightQueues() {
        warmUp(2);
        FakeQueue other = world.queues[1];
        world.queue.completed.clear();
        world.port.hold();
        other.port.hold();
        IoCall first = append(1);
        IoCall second = other.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK), false);

        other.port.complete(second);
        world.port.complete(first);

        assertEquals(List.of(first), world.queue.completed);
        assertEquals(List.of(), other.completed, "completed on the thread of another queue");
        other.proceedWithNext();
        assertEquals(List.of(second), other.completed);
        assertEquals(zone2 + BLOCK, second.place);
    }

    @Test
    void enospcOfThePortRollsBackAndTheDeviceContinues() {
        warmUp(2);
        world.port.hold();
        IoCall failing = append(1);
        world.port.fail(failing, BlockErrors.ENOSPC);
        world.port.release();

        assertEquals(-BlockErrors.ENOSPC, failing.result);
        assertEquals(0, world.pointer(2));
        assertEquals(BLOCK, world.write(world.start(3), stamped(3, BLOCK)));
        assertEquals(BLOCK, world.append(2, stamped(2, BLOCK)));
        assertStamped(2, world.read(zone2, BLOCK));
    }

    @Test
    void unreadableMappingFailsTheRequestsThatWaitForItAndIsReadAgain() {
        world.write(zone2, stamped(1, BLOCK));
        world.reopen();
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.READ ? BlockErrors.EIO : 0);
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        IoCall append = append(2);
        world.settle();
        world.image.failNothing();

        assertEquals(-BlockErrors.EIO, read.result);
        assertEquals(-BlockErrors.EIO, append.result);
        assertStamped(1, world.read(zone2, BLOCK));
        assertEquals(BLOCK, world.append(2, stamped(3, BLOCK)));
    }

    @Test
    void failedReadIsReportedAndChangesNothing() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        world.port.fail(read, BlockErrors.EIO);
        world.port.release();

        assertEquals(-BlockErrors.EIO, read.result);
        assertStamped(1, world.read(zone2, BLOCK));
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void writesOfAllSizesComeBackByteByByte() {
        byte[] all = new byte[CAPACITY];
        int at = 0;
        for (int i = 1; at < CAPACITY; i++) {
            int length = Math.min(CAPACITY - at, 512 * (1 + i * 37 % 190));
            byte[] part = stamped(i, length);
            System.arraycopy(part, 0, all, at, length);
            assertEquals(length, world.write(zone2 + at, part));
            at += length;
        }
        assertArrayEquals(all, world.read(zone2, CAPACITY));
        world.reopen();
        assertArrayEquals(all, world.read(zone2, CAPACITY));
    }
}
