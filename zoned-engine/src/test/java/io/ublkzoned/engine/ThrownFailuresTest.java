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
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

/** Exceptions anywhere in the handling of a request: the request completes, and the device serves the next one. */
final class ThrownFailuresTest {

    private static final class Bug extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private final World world = World.small();
    private final Set<Call> thrown = EnumSet.noneOf(Call.class);
    private int calls;

    /** Makes the call with this number throw, counted from now, and no later one. */
    private void throwAt(int number) {
        calls = 0;
        world.image.listen((call, offset, length) -> {
            if (calls++ == number) {
                thrown.add(call);
                throw new Bug();
            }
        });
    }

    /**
     * Runs requests of every kind and returns their results. {@link World} fails the test if a request does not
     * complete.
     */
    private List<Integer> results() {
        List<Integer> results = new ArrayList<>();
        results.add(world.write(BLOCK, stamped(1, BLOCK)));
        results.add(world.write(world.start(2), stamped(2, 20 * BLOCK)));
        results.add(world.append(3, stamped(3, 20 * BLOCK)));
        results.add(world.writeFua(world.start(4), stamped(4, BLOCK)));
        results.add(world.flush());
        results.add(world.run(BlockOp.ZONE_FINISH, 3));
        results.add(world.run(BlockOp.ZONE_RESET, 2));
        results.add(world.write(world.start(2), stamped(5, BLOCK)));
        byte[] data = new byte[BLOCK];
        var read = world.submit(BlockOp.READ, world.start(2), data);
        world.settle();
        assertTrue(read.done, "a read is not answered");
        results.add(read.result);
        results.add(world.resetAll());
        return results;
    }

    @Test
    void throwingImageCallFailsOnlyTheRequestsThatWaitForIt() throws IOException {
        throwAt(-1);
        results();
        int callsOfAll = calls;
        world.close();
        assertTrue(callsOfAll > 20, "the requests made " + callsOfAll + " calls");
        for (int i = 0; i < callsOfAll; i++) {
            world.open();
            throwAt(i);
            List<Integer> results = results();
            world.image.listen((call, offset, length) -> {});
            boolean syncFailed = thrown.contains(Call.SYNC);
            long failed = results.stream().filter(result -> result < 0).count();
            assertTrue(failed > 0 || !thrown.contains(Call.DATA_WRITE), "call " + i + ": no request failed");
            assertTrue(failed <= 3 || syncFailed, "call " + i + " failed " + results);

            assertEquals(BLOCK, world.write(world.start(9), stamped(9, BLOCK)), "call " + i);
            assertStamped(9, world.read(world.start(9), BLOCK));
            assertEquals(syncFailed ? -BlockErrors.EIO : 0, world.flush(), "call " + i);
            world.killAndRecover();
            assertEquals(0, world.resetAll(), "call " + i);
            world.close();
            assertFalse(
                    ImageChecker.check(world.image).status() == CheckResult.Status.CORRUPT,
                    "after the throw of call " + i);
            thrown.clear();
        }
    }

    @Test
    void everyKindOfCallIsCovered() {
        Set<Call> made = EnumSet.noneOf(Call.class);
        world.open();
        world.image.listen((call, offset, length) -> made.add(call));
        results();
        made.remove(Call.SET_SIZE);
        assertEquals(EnumSet.complementOf(EnumSet.of(Call.SET_SIZE)), made);
    }

    @Test
    void throwingStateFailsOnlyTheRequestsThatChangeIt() throws Exception {
        world.write(world.start(2), stamped(2, 2 * BLOCK));
        world.write(world.start(3), stamped(3, BLOCK));
        world.state.listen(() -> {
            throw new Bug();
        });
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_OPEN, 5));
        assertEquals(-BlockErrors.EIO, world.write(world.start(2) + 2 * BLOCK, stamped(4, BLOCK)));
        assertEquals(-BlockErrors.EIO, world.write(world.start(2) + 2 * BLOCK, stamped(4, BLOCK)));
        assertEquals(-BlockErrors.EIO, world.append(6, stamped(4, BLOCK)));
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_FINISH, 3));
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 3));
        assertStamped(2, world.read(world.start(2), 2 * BLOCK));
        assertEquals(-BlockErrors.EIO, world.resetAll());
        var wear = world.device().changeCondition(8, 1, ZoneCondition.OFFLINE);
        world.settle();
        assertThrows(ExecutionException.class, wear::get);

        assertEquals(BLOCK, world.write(BLOCK, stamped(1, BLOCK)));
        assertStamped(1, world.read(BLOCK, BLOCK));
        assertEquals(-BlockErrors.EIO, world.flush());
        world.state.listen(() -> {});
        world.close();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
    }
}
