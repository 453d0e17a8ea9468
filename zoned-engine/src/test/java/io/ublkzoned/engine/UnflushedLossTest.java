package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.FaultError;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Flushes that fail and lose what was not flushed. */
final class UnflushedLossTest {

    private static final int CAPACITY = 768 << 10;
    private static final int LOST = -FaultError.ENODATA.errno();

    private World world = World.small();
    private final long zone2 = world.start(2);

    private void lose() {
        world.inject("--on flush --error ENODATA --lose unflushed");
        assertEquals(LOST, world.flush());
    }

    @Test
    void writePointersGoBackToTheLastFlush() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, 3 * BLOCK));
        world.append(3, stamped(3, BLOCK));
        lose();

        assertEquals(BLOCK, world.pointer(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, 3 * BLOCK));
        // The next data is not mixed with lost data.
        assertEquals(BLOCK, world.append(2, stamped(4, BLOCK)));
        world.run(BlockOp.ZONE_FINISH, 2);
        assertStamped(4, world.read(zone2 + BLOCK, BLOCK));
        assertStamped(0, world.read(zone2 + 2 * BLOCK, 2 * BLOCK));
        assertEquals(0, world.flush());
        world.cutPowerAndOpen();
        assertStamped(4, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void flushedFullZoneStaysFull() {
        world.append(2, stamped(1, CAPACITY));
        world.append(3, stamped(1, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 3);
        world.flush();
        lose();

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(ZoneCondition.FULL, world.condition(3));
        assertEquals(1 << 20, world.pointer(3));
    }

    @Test
    void zoneThatWasFilledSinceTheFlushIsActiveAgainWithinTheLimits() {
        world = new World(World.smallOptions().maxOpenZones(1).maxActiveZones(1).build());
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, CAPACITY - BLOCK));
        assertEquals(0, world.run(BlockOp.ZONE_OPEN, 3));
        lose();

        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
        assertEquals(-BlockErrors.EOVERFLOW, world.run(BlockOp.ZONE_OPEN, 3));
        assertEquals(BLOCK, world.append(2, stamped(3, BLOCK)));
        assertStamped(3, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void finishThatWasNotFlushedIsLost() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.run(BlockOp.ZONE_FINISH, 2);
        lose();

        assertEquals(BLOCK, world.pointer(2));
        assertEquals(BLOCK, world.append(2, stamped(2, BLOCK)));
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void failedZoneLosesNothing() {
        world.append(2, stamped(1, BLOCK));
        var done = world.device().changeCondition(2, 1, ZoneCondition.READ_ONLY);
        world.settle();
        assertTrue(done.isDone());
        lose();

        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void nextServerFindsTheLoss() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, BLOCK));
        lose();
        world.killAndRecover();

        assertEquals(BLOCK, world.pointer(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
    }

    @Test
    void appendThatWasLostIsNotTakenForALaterOneAtItsPlace() {
        world.queue.loseAnswers();
        IoCall lost = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK), false);
        world.settle();
        lose();
        IoCall later = world.queue.submitAs(1, BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK), false);
        world.settle();
        assertEquals(lost.place, later.place);
        world.killAndRecover();
        IoCall again = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK), false);
        world.settle();

        assertEquals(later.place + BLOCK, again.place);
    }

    @Test
    void writeInFlightIsLostToo() {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.port.hold();
        IoCall write = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        world.inject("--on flush --error ENODATA --lose unflushed");
        IoCall flush = world.submit(BlockOp.FLUSH, 0, new byte[0]);
        IoCall behind = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(3, BLOCK));
        world.step();
        assertFalse(flush.done);
        world.port.release();
        world.settle();

        assertEquals(LOST, flush.result);
        assertEquals(BLOCK, write.result);
        assertEquals(BLOCK, behind.result);
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
    }

    @Test
    void conventionalBlocksBecomeOldWithTheJournal() {
        world.write(0, stamped(1, BLOCK));
        world.write(BLOCK, stamped(2, BLOCK));
        lose();
        assertStamped(1, world.read(0, BLOCK));

        world.device().faults().expectPowerCut();
        world.flush();
        world.write(0, stamped(3, BLOCK));
        lose();
        assertStamped(1, world.read(0, BLOCK));
        assertStamped(2, world.read(BLOCK, BLOCK));
        world.flush();
        world.cutPowerAndOpen();
        assertStamped(1, world.read(0, BLOCK));
    }

    @Test
    void requestThatWaitsForAFlushDuringTheLossFailsToo() {
        world.device().faults().expectPowerCut();
        world.write(0, stamped(1, BLOCK));
        List<IoCall> during = new ArrayList<>();
        world.image.listen((call, offset, length) -> {
            if (call == Call.WRITE && during.isEmpty()) {
                during.add(world.queue.submit(BlockOp.FLUSH, 0, new byte[0], false));
            }
        });
        lose();

        assertEquals(LOST, during.getFirst().result);
        assertStamped(0, world.read(0, BLOCK));
        assertEquals(0, world.flush());
    }
}
