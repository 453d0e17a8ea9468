package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stampAt;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.replay.LogReplay;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.RecordedLife;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.WriteLogException;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The write log of a device, and its replay. */
final class RecordingTest {

    private static final int SEEDS = 60;
    private static final long WHOLE_LOG = Long.MAX_VALUE;

    private final World world = World.small();
    private final long zone2 = world.start(2);
    private final long zone3 = world.start(3);
    private RecordedLife life;

    @BeforeEach
    void record() throws IOException {
        life = RecordedLife.begin(world);
    }

    private List<String> log() throws IOException {
        return life.entries().stream().map(this::text).toList();
    }

    private String text(LogEntry entry) {
        String place = "%d+%d".formatted(entry.startBytes() / BLOCK, entry.lengthBytes() / BLOCK);
        String text = switch (entry.kind()) {
            case FLUSH -> "flush of " + entry.covered();
            case MARK -> "mark " + entry.name();
            case WRITE, APPEND, RESET, RESET_ALL, FINISH, DISCARD -> entry.kind() + " " + place;
        };
        return text + (entry.forceUnitAccess() ? " FUA" : "");
    }

    private static byte[] read(OfflineDevice device, long start, int length) {
        byte[] data = new byte[length];
        if (length == 0) {
            return data;
        }
        assertEquals(0, device.read(start, MemorySegment.ofArray(data)));
        return data;
    }

    @Test
    void everyOperationIsInTheLog() throws IOException {
        world.write(0, stamped(1, 2 * BLOCK));
        world.append(2, stamped(2, BLOCK));
        world.append(2, stamped(3, 3 * BLOCK));
        world.writeFua(zone3, stamped(4, BLOCK));
        world.flush();
        world.run(BlockOp.ZONE_FINISH, 3);
        world.run(BlockOp.ZONE_RESET, 2);
        world.device().mark("end of test");
        world.run(BlockOp.ZONE_OPEN, 4); // leaves nothing behind
        world.read(0, BLOCK);
        world.append(4, stamped(5, BLOCK));
        world.resetAll();

        assertEquals(
                List.of(
                        "WRITE 0+2",
                        "APPEND 512+1",
                        "APPEND 513+3",
                        "WRITE 768+1 FUA",
                        "flush of 4",
                        "FINISH 768+0",
                        "RESET 512+256",
                        "mark end of test",
                        "APPEND 1024+1",
                        "RESET_ALL 768+512"),
                log());
    }

    @Test
    void writesAreInTheOrderOfTheirPlacesHoweverTheyComplete() throws IOException {
        world.append(2, stamped(1, BLOCK));
        world.port.hold();
        IoCall first = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, 2 * BLOCK));
        IoCall second = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(3, BLOCK));
        world.port.complete(second);
        world.port.complete(first);
        world.port.release();
        world.settle();

        assertEquals(List.of("APPEND 512+1", "APPEND 513+2", "APPEND 515+1"), log());
    }

    @Test
    void flushCoversWhatTookEffectBeforeItBegan() throws IOException {
        world.append(2, stamped(1, BLOCK));
        IoCall flush = world.submit(BlockOp.FLUSH, 0, new byte[0]);
        IoCall append = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        assertTrue(append.done && !flush.done);
        world.settle();

        assertEquals(List.of("APPEND 512+1", "APPEND 513+1", "flush of 1"), log());
    }

    @Test
    void whatATornWriteKeepsIsInTheLogAndItsFailureIsNot() throws IOException {
        world.inject("--on append --keep 4K --error EIO");
        world.inject("--on append --keep 4K --pointer advanced --error EIO");
        world.inject("--on append --keep all --pointer unmoved --error EIO");
        world.inject("--on append --error EIO");
        world.inject("--on flush --error EIO");
        for (int i = 1; i <= 5; i++) {
            world.append(2, stamped(i, 2 * BLOCK));
        }
        world.flush();
        world.close();

        assertEquals(List.of("APPEND 512+1", "APPEND 513+2", "APPEND 515+2"), log());
        OfflineDevice replayed = life.replay(WHOLE_LOG);
        assertStamped(1, read(replayed, zone2, BLOCK));
        assertStamped(2, read(replayed, zone2 + BLOCK, BLOCK));
        assertStamped(0, read(replayed, zone2 + 2 * BLOCK, BLOCK));
        assertStamped(5, read(replayed, zone2 + 3 * BLOCK, 2 * BLOCK));
    }

    @Test
    void faultsThatALogCannotShowAreRefused() {
        IllegalArgumentException refusal = assertThrows(
                IllegalArgumentException.class, () -> world.inject("--on flush --lose unflushed --error EIO"));
        assertTrue(String.valueOf(refusal.getMessage()).contains("its log cannot show what --lose"));
        assertThrows(IllegalArgumentException.class, () -> world.inject("--on write --make-zone offline"));
        assertTrue(world.device().changeCondition(3, 1, ZoneCondition.OFFLINE).isCompletedExceptionally());
    }

    @Test
    void replayEndsBehindTheEntryThatWasAskedFor() throws IOException {
        world.append(2, stamped(1, BLOCK));
        world.append(2, stamped(2, BLOCK));
        world.run(BlockOp.ZONE_RESET, 2);

        assertEquals(zone2 + BLOCK, RecordedLife.writePointer(life.replay(0), 2));
        assertEquals(zone2 + 2 * BLOCK, RecordedLife.writePointer(life.replay(1), 2));
        assertEquals(zone2, RecordedLife.writePointer(life.replay(2), 2));
    }

    @Test
    void logThatDoesNotBelongToTheImageIsRefused() throws IOException {
        world.append(2, stamped(1, BLOCK));
        world.close();
        world.open();
        RecordedLife later = RecordedLife.begin(world);
        world.append(2, stamped(2, BLOCK));
        OfflineDevice empty = life.replay(-1);

        WriteLogException refusal = assertThrows(
                WriteLogException.class, () -> new LogReplay(LogReader.open(later.log), empty).apply(0, WHOLE_LOG));
        assertTrue(String.valueOf(refusal.getMessage()).contains("entry 0 does not fit the image"));
    }

    @Test
    void aFullDiskEndsTheLogAndNotTheDevice() throws IOException {
        world.append(2, stamped(1, BLOCK));
        life.log.failWhere((call, offset, length) -> offset > 2 * BLOCK ? BlockErrors.ENOSPC : 0);
        assertEquals(BLOCK, world.append(2, stamped(2, BLOCK)));
        life.log.failNothing();
        assertEquals(BLOCK, world.append(2, stamped(3, BLOCK)));

        assertEquals(List.of("APPEND 512+1"), log());
        IOException ended = assertThrows(IOException.class, () -> world.device().mark("later"));
        assertTrue(String.valueOf(ended.getMessage()).contains("the log has ended"));
    }

    // ---- power cuts ----

    private OfflineDevice cut(Keep keep, long seed) throws IOException {
        SimulatedDisk image = life.replay(WHOLE_LOG, new PowerCut(seed, keep));
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(image).status());
        return life.open(image);
    }

    @Test
    void cutKeepsWhatAFlushCoversAndMayLoseTheRest() throws IOException {
        world.append(2, stamped(1, BLOCK));
        world.flush();
        world.append(2, stamped(2, 3 * BLOCK));
        Set<Long> pointers = new TreeSet<>();
        for (int seed = 0; seed < SEEDS; seed++) {
            OfflineDevice device = cut(Keep.RANDOM, seed);
            long pointer = RecordedLife.writePointer(device, 2) - zone2;
            pointers.add(pointer);
            assertStamped(1, read(device, zone2, BLOCK));
            assertStamped(2, read(device, zone2 + BLOCK, (int) pointer - BLOCK));
        }

        assertEquals(Set.of(1L * BLOCK, 2L * BLOCK, 3L * BLOCK, 4L * BLOCK), pointers);
        assertEquals(zone2 + BLOCK, RecordedLife.writePointer(cut(Keep.NONE, 0), 2));
        assertEquals(zone2 + 4 * BLOCK, RecordedLife.writePointer(cut(Keep.ALL, 0), 2));
    }

    @Test
    void cutKeepsForcedWritesAndWhatIsBeforeThemInTheirZone() throws IOException {
        world.append(2, stamped(1, BLOCK));
        world.append(3, stamped(2, BLOCK));
        world.writeFua(zone2 + BLOCK, stamped(3, BLOCK));
        world.append(2, stamped(4, BLOCK));
        world.write(0, stamped(5, BLOCK));
        world.writeFua(0, stamped(6, BLOCK));
        OfflineDevice device = cut(Keep.NONE, 0);

        assertEquals(zone2 + 2 * BLOCK, RecordedLife.writePointer(device, 2));
        assertEquals(zone3, RecordedLife.writePointer(device, 3));
        assertStamped(6, read(device, 0, BLOCK));
    }

    @Test
    void cutMayUndoResetsAndFinishes() throws IOException {
        world.append(2, stamped(1, 2 * BLOCK));
        world.append(3, stamped(2, BLOCK));
        world.flush();
        world.run(BlockOp.ZONE_RESET, 2);
        world.append(2, stamped(3, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 3);
        Set<String> states = new TreeSet<>();
        for (int seed = 0; seed < SEEDS; seed++) {
            OfflineDevice device = cut(Keep.RANDOM, seed);
            long stamp = stampAt(read(device, zone2, BLOCK), 0);
            long end = RecordedLife.writePointer(device, 3);
            states.add(stamp + (end == zone3 + BLOCK ? " written" : " finished"));
        }

        assertEquals(Set.of("0 finished", "0 written", "1 finished", "1 written", "3 finished", "3 written"), states);
    }

    @Test
    void cutLeavesOldNewOrTornBlocksInConventionalZones() throws IOException {
        world.write(0, stamped(1, BLOCK));
        world.flush();
        world.write(0, stamped(2, BLOCK));
        world.write(0, stamped(3, BLOCK));
        Set<String> states = new TreeSet<>();
        for (int seed = 0; seed < 8 * SEEDS; seed++) {
            byte[] block = read(cut(Keep.RANDOM, seed), 0, BLOCK);
            int end = 512;
            while (end < BLOCK && stampAt(block, end) == stampAt(block, 0)) {
                end += 512;
            }
            states.add(stampAt(block, 0) + (end == BLOCK ? "" : " before " + stampAt(block, end)));
        }

        assertEquals(Set.of("1", "2", "2 before 1", "3", "3 before 2"), states);
    }

    @Test
    void cutOfADeviceWithLimitsKeepsForcedWrites() throws IOException {
        World limited =
                new World(World.smallOptions().maxActiveZones(2).maxOpenZones(2).build());
        RecordedLife limitedLife = RecordedLife.begin(limited);
        limited.append(2, stamped(1, BLOCK));
        limited.append(3, stamped(2, BLOCK));
        limited.flush();
        limited.run(BlockOp.ZONE_FINISH, 2);
        limited.append(4, stamped(3, BLOCK));
        limited.writeFua(limited.start(4) + BLOCK, stamped(4, BLOCK));
        limited.run(BlockOp.ZONE_RESET, 3);
        limited.append(5, stamped(5, BLOCK));
        limited.run(BlockOp.ZONE_RESET, 4);
        limited.run(BlockOp.ZONE_FINISH, 6);
        for (int seed = 0; seed < SEEDS; seed++) {
            SimulatedDisk image = limitedLife.replay(6, new PowerCut(seed, Keep.RANDOM));
            OfflineDevice device = limitedLife.open(image);
            assertStamped(4, read(device, limited.start(4) + BLOCK, BLOCK));
            limitedLife.replay(WHOLE_LOG, new PowerCut(seed, Keep.RANDOM));
        }
    }

    @Test
    void theSameCutLeavesTheSameImage() throws IOException {
        world.append(2, stamped(1, 20 * BLOCK));
        world.append(3, stamped(2, 20 * BLOCK));
        world.write(0, stamped(3, 20 * BLOCK));
        PowerCut cut = new PowerCut(7, Keep.RANDOM);

        assertTrue(life.replay(WHOLE_LOG, cut).sameBytes(life.replay(WHOLE_LOG, cut)));
    }
}
