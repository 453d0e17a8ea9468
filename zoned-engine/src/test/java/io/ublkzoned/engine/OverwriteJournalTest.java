package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stampAt;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.SimulatedDisk.Event;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Power cuts that undo writes to conventional zones. */
final class OverwriteJournalTest {

    private static final int SECTOR = 512;
    private static final int BLOCKS = 60;

    private final World world = World.small();

    @BeforeEach
    void expectPowerCut() {
        world.device().faults().expectPowerCut();
    }

    private void cut(Keep keep, long seed) {
        world.device().faults().cutPower(new PowerCut(seed, keep), AfterCut.STOP);
        world.reopen();
    }

    @Test
    void blocksAreOldUnlessTheyWereFlushed() {
        world.write(0, stamped(1, 3 * BLOCK));
        world.flush();
        world.write(BLOCK, stamped(2, BLOCK));
        world.write(BLOCK, stamped(3, BLOCK));
        cut(Keep.NONE, 0);

        assertStamped(1, world.read(0, 3 * BLOCK));
    }

    @Test
    void blockThatWasNeverFlushedIsZero() {
        world.write(0, stamped(1, BLOCK));
        world.write(0, stamped(2, 2 * BLOCK));
        cut(Keep.NONE, 0);

        assertStamped(0, world.read(0, 2 * BLOCK));
    }

    @Test
    void allWritesCanSurvive() {
        world.write(0, stamped(1, 2 * BLOCK));
        world.flush();
        world.write(0, stamped(2, BLOCK));
        cut(Keep.ALL, 0);

        assertStamped(2, world.read(0, BLOCK));
        assertStamped(1, world.read(BLOCK, BLOCK));
    }

    @Test
    void seedMakesBlocksNewOldOrTornBehindSomeSectors() {
        Set<Integer> kinds = new TreeSet<>();
        for (int block = 0; block < BLOCKS; block++) {
            byte[] data = Arrays.copyOfRange(afterCut(3), block * BLOCK, (block + 1) * BLOCK);
            int newSectors = 0;
            while (newSectors * SECTOR < BLOCK && stampAt(data, newSectors * SECTOR) == 2) {
                newSectors++;
            }
            assertStamped(2, data, 0, newSectors * SECTOR);
            assertStamped(1, data, newSectors * SECTOR, BLOCK);
            kinds.add(newSectors);
        }
        assertEquals(BLOCK / SECTOR + 1, kinds.size(), kinds::toString);
        assertArrayEquals(afterCut(3), afterCut(3), "the same seed");
        assertFalse(Arrays.equals(afterCut(3), afterCut(4)), "another seed");
    }

    private static byte[] afterCut(long seed) {
        World world = World.small();
        world.write(0, stamped(1, BLOCKS * BLOCK));
        world.flush();
        world.device().faults().expectPowerCut();
        world.write(0, stamped(2, BLOCKS * BLOCK));
        world.device().faults().cutPower(new PowerCut(seed, Keep.RANDOM), AfterCut.STOP);
        world.reopen();
        return world.read(0, BLOCKS * BLOCK);
    }

    @Test
    void forcedWriteSurvives() {
        world.write(0, stamped(1, 2 * BLOCK));
        world.writeFua(0, stamped(2, BLOCK));
        cut(Keep.NONE, 0);

        assertStamped(2, world.read(0, BLOCK));
        assertStamped(1, world.read(BLOCK, BLOCK));
    }

    @Test
    void writeDuringAFlushIsUndoneToTheFlushedData() {
        world.write(0, stamped(1, BLOCK));
        List<IoCall> during = new ArrayList<>();
        world.image.listen((call, offset, length) -> {
            if (call == Call.SYNC && during.isEmpty()) {
                during.add(world.submit(BlockOp.WRITE, 0, stamped(2, BLOCK)));
            }
        });
        world.flush();
        assertEquals(BLOCK, during.getFirst().result);
        cut(Keep.NONE, 0);

        assertStamped(1, world.read(0, BLOCK));
    }

    @Test
    void failedFlushMakesNothingDurable() {
        world.write(0, stamped(1, BLOCK));
        world.flush();
        world.write(0, stamped(2, BLOCK));
        world.image.failWhere((call, offset, length) -> call == Call.WRITE ? BlockErrors.EIO : 0);
        assertEquals(-BlockErrors.EIO, world.flush());
        world.image.failNothing();
        world.write(0, stamped(3, BLOCK));
        cut(Keep.NONE, 0);

        assertStamped(1, world.read(0, BLOCK));
    }

    @Test
    void writeInFlightAtTheCutIsUndone() {
        world.write(0, stamped(1, BLOCK));
        world.flush();
        world.port.hold();
        world.submit(BlockOp.WRITE, 0, stamped(2, BLOCK));
        world.device().faults().cutPower(new PowerCut(0, Keep.NONE), AfterCut.STOP);
        world.port.release();
        world.reopen();

        assertStamped(1, world.read(0, BLOCK));
    }

    @Test
    void ruleWithAPowerCutStartsTheJournal() {
        World other = World.small();
        other.write(0, stamped(1, BLOCK));
        int rule = other.inject("--on read --nth 3 --power-cut --keep none");
        other.write(0, stamped(2, BLOCK));
        other.device().faults().remove(rule);
        other.write(BLOCK, stamped(2, BLOCK));
        other.inject("--on append --power-cut --keep none");
        other.write(0, stamped(3, BLOCK));
        other.append(2, stamped(4, BLOCK));
        other.reopen();

        assertStamped(2, other.read(0, 2 * BLOCK));
    }

    @Test
    void writesSurviveWithoutTheJournal() {
        World other = World.small();
        other.write(0, stamped(1, BLOCK));
        other.device().faults().cutPower(new PowerCut(0, Keep.NONE), AfterCut.STOP);
        other.reopen();

        assertStamped(1, other.read(0, BLOCK));
    }

    @Test
    void writesBeyondTheLimitOfTheJournalSurvive() throws IOException {
        Object lock = new Object();
        OverwriteJournal journal = new OverwriteJournal(lock, BLOCK);
        synchronized (lock) {
            journal.switchOn(true);
        }
        BlockRequest write = new BlockRequest(world.queue, 0, 0);
        write.set(BlockOp.WRITE, 0, 2 * BLOCK, false);
        journal.save(write, 0, 1 << 20, 2 * BLOCK, BLOCK);
        world.image.events.clear();
        journal.restore(new PowerCut(0, Keep.NONE), world.image);

        assertEquals(List.of(new Event(Call.WRITE, 1 << 20, BLOCK)), world.image.events);
    }
}
