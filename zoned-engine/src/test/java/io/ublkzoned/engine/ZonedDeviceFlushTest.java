package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.ImageAreas;
import io.ublkzoned.engine.sim.ImageAreas.Area;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The durability of flushes and forced writes, and the order of their writes. */
final class ZonedDeviceFlushTest {

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private IoCall submitFlush() {
        return world.submit(BlockOp.FLUSH, 0, new byte[0]);
    }

    private List<String> writesAndSyncs() {
        return new ImageAreas(world.image).writesAndSyncs();
    }

    private void failWritesTo(Area area) {
        ImageAreas areas = new ImageAreas(world.image);
        world.image.failWhere(
                (call, offset, length) -> call == Call.WRITE && areas.of(offset) == area ? BlockErrors.ENOSPC : 0);
    }

    private void failSyncs() {
        world.image.failWhere((call, offset, length) -> call == Call.SYNC ? BlockErrors.EIO : 0);
    }

    @Test
    void flushSyncsDataAndMappingBeforeTheWritePointers() {
        world.write(zone2, stamped(1, BLOCK));
        assertEquals(0, world.flush());

        assertEquals(List.of("L2", "DATA", "REFCOUNTS", "SYNC", "WRITE_POINTERS", "HEADER", "SYNC"), writesAndSyncs());
    }

    /** Otherwise the first request to a zone would wait as long as the disk takes to write everything. */
    @Test
    void mappingIsReadWhileAFlushSyncs() {
        long zone3 = world.start(3);
        world.write(zone3, stamped(3, BLOCK));
        world.reopen();
        world.write(zone2, stamped(2, BLOCK));
        ImageAreas areas = new ImageAreas(world.image);
        List<String> calls = new ArrayList<>();
        world.image.listen((call, offset, length) -> {
            if (call == Call.SYNC && calls.isEmpty()) {
                world.submit(BlockOp.READ, zone3, new byte[BLOCK]);
            }
            if (call == Call.SYNC || (call == Call.READ && areas.of(offset) == Area.L2)) {
                calls.add(call.name());
            }
        });

        assertEquals(0, world.flush());
        assertEquals(List.of("SYNC", "READ", "SYNC"), calls);
        assertStamped(3, world.read(zone3, BLOCK));
    }

    @Test
    void secondFlushWithinAClusterWritesNoMapping() {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.image.events.clear();
        world.write(zone2 + BLOCK, stamped(1, BLOCK));
        world.flush();

        assertEquals(List.of("DATA", "SYNC", "WRITE_POINTERS", "HEADER", "SYNC"), writesAndSyncs());
    }

    @Test
    void flushOfConventionalDataNeedsNoWritePointer() {
        world.write(world.start(0), stamped(1, BLOCK));
        world.flush();

        assertEquals(List.of("L2", "DATA", "REFCOUNTS", "HEADER", "SYNC"), writesAndSyncs());
    }

    @Test
    void overwriteOfAConventionalBlockIsSyncedByTheNextFlush() {
        world.write(world.start(0), stamped(1, BLOCK));
        world.flush();
        world.write(world.start(0), stamped(2, BLOCK));
        world.flush();
        world.cutPowerAndOpen();

        assertStamped(2, world.read(world.start(0), BLOCK));
    }

    @Test
    void flushWithNothingToDoCompletesImmediatelyWithoutIo() {
        IoCall first = submitFlush();
        assertTrue(first.done);
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.image.events.clear();

        IoCall second = submitFlush();

        assertTrue(second.done);
        assertEquals(0, second.result);
        assertEquals(List.of(), world.image.events);
    }

    @Test
    void flushAfterOnlyReadsDoesNoIo() {
        world.write(zone2, stamped(1, BLOCK));
        world.reopen();
        world.read(zone2, BLOCK);
        world.image.events.clear();

        assertTrue(submitFlush().done);
        assertEquals(List.of(), world.image.events);
    }

    @Test
    void oneFlushServesAllWaitingRequests() {
        world.write(zone2, stamped(1, BLOCK));
        IoCall first = submitFlush();
        IoCall second = world.queues[1].submit(BlockOp.FLUSH, 0, new byte[0], false);
        IoCall third = submitFlush();
        assertFalse(first.done || second.done || third.done);
        world.settle();

        assertTrue(first.succeeded() && second.succeeded() && third.succeeded());
        assertEquals(2, writesAndSyncs().stream().filter("SYNC"::equals).count());
    }

    @Test
    void flushDoesNotWaitForWritesInFlight() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall write = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        IoCall flush = submitFlush();
        world.step();
        assertTrue(flush.done);
        assertFalse(write.done);
        world.cutPowerAndOpen();
        world.port.release();

        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void forcedWriteCompletesOnlyAfterTheFlush() {
        world.write(zone2, stamped(1, BLOCK));
        IoCall forced = world.queue.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK), true);
        assertFalse(forced.done);
        world.step();

        assertEquals(BLOCK, forced.result);
        world.cutPowerAndOpen();
        assertEquals(2 * BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void forcedWriteOfAConventionalZoneIsDurableToo() {
        assertEquals(BLOCK, world.writeFua(world.start(1) + 5 * BLOCK, stamped(4, BLOCK)));
        world.cutPowerAndOpen();

        assertStamped(4, world.read(world.start(1) + 5 * BLOCK, BLOCK));
    }

    @Test
    void failedForcedWriteReportsItsOwnErrorWithoutAFlush() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        IoCall forced = world.queue.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK), true);
        world.port.fail(forced, BlockErrors.ENOSPC);

        assertEquals(-BlockErrors.ENOSPC, forced.result);
        assertEquals(0, writesAndSyncs().stream().filter("SYNC"::equals).count());
    }

    @Test
    void eachFailedMetadataWriteFailsTheFlushAndLosesNothing() {
        for (Area area : List.of(Area.REFCOUNTS, Area.WRITE_POINTERS)) {
            World each = World.small();
            each.write(each.start(2), stamped(1, BLOCK));
            ImageAreas areas = new ImageAreas(each.image);
            each.image.failWhere(
                    (call, offset, length) -> call == Call.WRITE && areas.of(offset) == area ? BlockErrors.ENOSPC : 0);
            assertEquals(-BlockErrors.ENOSPC, each.flush(), area::toString);
            assertStamped(1, each.read(each.start(2), BLOCK));
            each.image.failNothing();

            assertEquals(0, each.flush(), area::toString);
            each.cutPowerAndOpen();
            assertEquals(BLOCK, each.pointer(2), area::toString);
            assertStamped(1, each.read(each.start(2), BLOCK));
        }
    }

    @Test
    void failureToClearTheMappingOfAResetZoneFailsTheFlush() {
        world.write(zone2, stamped(1, BLOCK));
        world.run(BlockOp.ZONE_RESET, 2);
        failWritesTo(Area.L2);
        assertEquals(-BlockErrors.ENOSPC, world.flush());
        world.image.failNothing();

        assertEquals(0, world.flush());
        assertEquals(BLOCK, world.write(zone2, stamped(2, BLOCK)));
    }

    @Test
    void failedFlushFailsItsForcedWrite() {
        world.write(zone2, stamped(1, BLOCK));
        failWritesTo(Area.WRITE_POINTERS);

        assertEquals(-BlockErrors.ENOSPC, world.writeFua(zone2 + BLOCK, stamped(2, BLOCK)));
    }

    @Test
    void writePointerIsNeverWrittenAfterAFailedFirstSync() {
        world.write(zone2, stamped(1, BLOCK));
        failSyncs();
        assertEquals(-BlockErrors.EIO, world.flush());

        assertFalse(writesAndSyncs().contains("WRITE_POINTERS"));
    }

    @Test
    void failedSyncMakesAllLaterFlushesFail() {
        world.write(zone2, stamped(1, BLOCK));
        failSyncs();
        assertEquals(-BlockErrors.EIO, world.flush());
        world.image.failNothing();

        assertEquals(-BlockErrors.EIO, world.flush());
        assertEquals(-BlockErrors.EIO, world.flush());
        assertEquals(-BlockErrors.EIO, world.writeFua(zone2 + BLOCK, stamped(2, BLOCK)));
    }

    @Test
    void imageWhoseSyncFailedIsNotMarkedAsClosed() {
        world.write(zone2, stamped(1, BLOCK));
        failSyncs();
        world.flush();
        world.image.failNothing();

        assertThrows(IOException.class, world::close);
        assertTrue(new ImageAreas(world.image).isMarkedDirty());
    }

    @Test
    void readsContinueAfterAFailedSync() {
        world.write(zone2, stamped(1, BLOCK));
        failSyncs();
        world.flush();

        assertStamped(1, world.read(zone2, BLOCK));
    }
}
