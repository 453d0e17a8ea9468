package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Requests whose result was lost with the server, and that the kernel sends to the next one again. */
final class LostAnswerTest {

    private static final int BLOCK = World.BLOCK;
    private static final int CAPACITY = 768 << 10;
    private static final int CLUSTER = 64 << 10;
    private static final int ENODATA = 61;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    @Test
    void appendsWhoseAnswersWereLostAreAnsweredAgainWithTheirPlaces() {
        world.append(2, stamped(1, BLOCK));
        world.queue.loseAnswers();
        IoCall first = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, CLUSTER + BLOCK));
        IoCall second = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(3, BLOCK));
        world.settle();
        assertTrue(first.succeeded() && second.succeeded());
        world.killAndRecover();

        assertSentAgain(first);
        assertSentAgain(second);
        assertEquals(CLUSTER + 3 * BLOCK, world.pointer(2));
        assertStamped(2, world.read(zone2 + BLOCK, CLUSTER + BLOCK));
        assertStamped(3, world.read(zone2 + CLUSTER + 2 * BLOCK, BLOCK));
    }

    @Test
    void appendIsAnsweredAgainAfterSeveralDeathsButOncePerServer() {
        world.queue.loseAnswers();
        IoCall append = appended(2, stamped(2, BLOCK));
        world.killAndRecover();
        world.killAndRecover();
        world.queue.loseAnswers();
        assertSentAgain(append);
        world.killAndRecover();
        assertSentAgain(append);
        IoCall another = sentAgain(append);
        assertEquals(zone2 + BLOCK, another.place, "a new append of the same data");
    }

    @Test
    void forcedAppendWhoseFlushFailsIsForgotten() {
        world.append(2, stamped(1, BLOCK));
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.WRITE ? BlockErrors.EIO : 0);
        byte[] data = stamped(2, BLOCK);
        IoCall failed = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, data, true);
        world.settle();
        assertEquals(-BlockErrors.EIO, failed.result);
        world.image.failNothing();
        world.killAndRecover();

        IoCall other = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, data, false);
        world.settle();
        assertEquals(zone2 + 2 * BLOCK, other.place, "not that of the append that failed");
    }

    @Test
    void writeIsNotTakenForTheLastOneAfterAFaultHasRefusedThat() {
        world.queue.loseAnswers();
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));
        world.settle();
        world.killAndRecover();
        world.inject("--on write --error ENODATA");
        IoCall refused = world.queue.submitAs(write.request.tag(), BlockOp.WRITE, zone2, write.data, false);
        assertEquals(-ENODATA, refused.result);

        assertEquals(-BlockErrors.EIO, world.write(zone2, stamped(2, BLOCK)), "below the write pointer");
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void appendThatFilledItsZoneIsAnsweredAgain() {
        world.write(zone2, stamped(1, CAPACITY - BLOCK));
        world.queue.loseAnswers();
        IoCall append = appended(2, stamped(2, BLOCK));
        world.killAndRecover();

        assertSentAgain(append);
        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(-BlockErrors.EIO, world.append(2, stamped(2, BLOCK)));
    }

    @Test
    void appendThatIsSentAgainWithForcedUnitAccessIsDurable() {
        world.queue.loseAnswers();
        IoCall append = world.queue.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK), true);
        world.settle();
        world.killAndRecover();

        assertSentAgain(append);
        world.cutPowerAndOpen();
        assertStamped(2, world.read(zone2, BLOCK));
    }

    @Test
    void appendToAnotherZoneIsNotMistakenForTheLostOne() {
        IoCall lost = appendWithLostAnswer();
        assertEquals(world.start(3), sentAgain(lost, world.start(3), lost.data).place);
    }

    @Test
    void appendOfAnotherLengthIsNotMistakenForTheLostOne() {
        IoCall lost = appendWithLostAnswer();
        byte[] half = Arrays.copyOf(lost.data, BLOCK);
        assertEquals(zone2 + 2 * BLOCK, sentAgain(lost, zone2, half).place);
    }

    @Test
    void appendOfOtherDataIsNotMistakenForTheLostOne() {
        IoCall lost = appendWithLostAnswer();
        byte[] other = lost.data.clone();
        other[other.length - 1] ^= 1;
        assertEquals(zone2 + 2 * BLOCK, sentAgain(lost, zone2, other).place);
        assertEquals(zone2 + 4 * BLOCK, sentAgain(lost).place, "after another append of that tag");
    }

    /** Its data may be there, so it is not appended a second time. */
    @Test
    void appendThatCannotBeComparedFails() {
        IoCall lost = appendWithLostAnswer();
        world.port.hold();
        IoCall again = world.queue.submitAs(lost.request.tag(), lost.op, lost.offset, lost.data, false);
        world.step();
        world.port.fail(again, ENODATA);
        world.port.release();
        assertEquals(-BlockErrors.EIO, again.result);
        assertEquals(2 * BLOCK, world.pointer(2));
        assertEquals(zone2 + 2 * BLOCK, sentAgain(lost).place, "a new append of the same data");
    }

    @Test
    void appendWithOtherDataInOnePartStartsAsNew() {
        world.queue.loseAnswers();
        IoCall lost = appended(2, stamped(2, CLUSTER + BLOCK));
        world.killAndRecover();
        byte[] other = lost.data.clone();
        other[0] ^= 1;
        assertEquals(zone2 + CLUSTER + BLOCK, sentAgain(lost, zone2, other).place);
        assertStamped(2, world.read(zone2, CLUSTER + BLOCK));
    }

    @Test
    void appendAfterAnotherRequestOfItsTagIsNotMistakenForTheLostOne() {
        IoCall lost = appendWithLostAnswer();
        world.queue.submitAs(lost.request.tag(), BlockOp.READ, zone2, new byte[BLOCK], false);
        world.settle();
        world.killAndRecover();
        assertEquals(zone2 + 2 * BLOCK, sentAgain(lost).place);
    }

    @Test
    void placeOfAnAppendWhoseZoneWasResetIsForgotten() {
        world.queue.loseAnswers();
        IoCall append = appended(2, stamped(2, 2 * BLOCK));
        world.run(BlockOp.ZONE_RESET, 2);
        world.write(zone2, append.data);
        world.killAndRecover();

        assertEquals(zone2 + 2 * BLOCK, sentAgain(append).place);
    }

    @Test
    void appendWhoseAnswerTheKernelTookIsNotAnsweredAgain() {
        IoCall append = appended(2, stamped(2, BLOCK));
        world.killAndRecover();

        assertEquals(zone2 + BLOCK, sentAgain(append).place);
    }

    @Test
    void placeThatTheZoneHadNotReachedBelongsToTheNextAppend() {
        byte[] data = stamped(2, BLOCK);
        world.append(2, stamped(1, BLOCK));
        world.state.listen(() -> {
            throw new AssertionError("the server dies between two stores");
        });
        assertThrows(AssertionError.class, () -> world.queue.submitAs(5, BlockOp.ZONE_APPEND, zone2, data, false));
        world.state.listen(() -> {});
        world.killAndRecover();

        IoCall other = world.queue.submitAs(1, BlockOp.ZONE_APPEND, zone2, data, false);
        IoCall again = world.queue.submitAs(5, BlockOp.ZONE_APPEND, zone2, data, false);
        world.settle();
        assertEquals(zone2 + BLOCK, other.place);
        assertEquals(zone2 + 2 * BLOCK, again.place);
    }

    @Test
    void closeOfAnUnwrittenZoneIsCarriedOutOnceMore() {
        world.run(BlockOp.ZONE_OPEN, 3);
        world.queue.loseAnswers();
        IoCall close = world.submit(BlockOp.ZONE_CLOSE, 3);
        world.settle();
        assertTrue(close.succeeded());
        world.killAndRecover();

        assertEquals(0, sentAgain(close).result);
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
        IoCall another = world.queue.submitAs(close.request.tag(), close.op, close.offset, close.data, false);
        assertEquals(-BlockErrors.EIO, another.result);
    }

    /** Appends two blocks to zone 2. The server dies before the kernel takes the result. */
    private IoCall appendWithLostAnswer() {
        world.queue.loseAnswers();
        IoCall append = appended(2, stamped(2, 2 * BLOCK));
        world.killAndRecover();
        return append;
    }

    private IoCall appended(int zone, byte[] data) {
        IoCall append = world.submit(BlockOp.ZONE_APPEND, world.start(zone), data);
        world.settle();
        assertTrue(append.succeeded(), append::toString);
        return append;
    }

    private IoCall sentAgain(IoCall append) {
        return sentAgain(append, append.offset, append.data);
    }

    private IoCall sentAgain(IoCall append, long offset, byte[] data) {
        IoCall again = world.queue.submitAs(append.request.tag(), append.op, offset, data, append.forceUnitAccess);
        world.settle();
        assertEquals(data.length, again.result);
        return again;
    }

    private void assertSentAgain(IoCall append) {
        assertEquals(append.place, sentAgain(append).place);
    }
}
