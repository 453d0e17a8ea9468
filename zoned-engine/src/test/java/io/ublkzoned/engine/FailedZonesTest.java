package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Read-only and offline zones: their operations, persistence and recovery. */
final class FailedZonesTest {

    private static final int BLOCK = World.BLOCK;
    private static final int CAPACITY = 768 << 10;
    private static final int EIO = -BlockErrors.EIO;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private void change(int first, int count, @Nullable ZoneCondition condition) {
        change(world, first, count, condition);
    }

    private static void change(World world, int first, int count, @Nullable ZoneCondition condition) {
        CompletableFuture<@Nullable Void> done = world.device().changeCondition(first, count, condition);
        world.settle();
        assertTrue(done.isDone(), "never done");
        done.join();
    }

    private static @Nullable String refusal(World world, int first, int count, @Nullable ZoneCondition condition) {
        CompletableFuture<@Nullable Void> done = world.device().changeCondition(first, count, condition);
        world.settle();
        return assertInstanceOf(IOException.class, done.exceptionNow()).getMessage();
    }

    @Test
    void readOnlyZoneCanOnlyBeRead() {
        world.write(zone2, stamped(1, 3 * BLOCK));
        change(2, 1, ZoneCondition.READ_ONLY);

        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
        assertStamped(1, world.read(zone2, 3 * BLOCK));
        assertNothingChangesIt();
    }

    @Test
    void offlineZoneCannotBeRead() {
        world.write(zone2, stamped(1, 3 * BLOCK));
        change(2, 1, ZoneCondition.OFFLINE);

        assertEquals(ZoneCondition.OFFLINE, world.condition(2));
        IoCall read = world.submit(BlockOp.READ, zone2, new byte[BLOCK]);
        world.settle();
        assertEquals(EIO, read.result);
        assertNothingChangesIt();
    }

    private void assertNothingChangesIt() {
        ZoneCondition condition = world.condition(2);
        assertEquals(EIO, world.write(zone2 + 3 * BLOCK, stamped(2, BLOCK)));
        assertEquals(EIO, world.append(2, stamped(2, BLOCK)));
        for (BlockOp op :
                new BlockOp[] {BlockOp.ZONE_OPEN, BlockOp.ZONE_CLOSE, BlockOp.ZONE_FINISH, BlockOp.ZONE_RESET}) {
            assertEquals(EIO, world.run(op, 2), op::toString);
        }
        world.write(world.start(3), stamped(3, BLOCK));
        assertEquals(0, world.resetAll());
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
        assertEquals(condition, world.condition(2));
        change(2, 1, null);
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        assertStamped(1, world.read(zone2, 3 * BLOCK));
        assertEquals(BLOCK, world.write(zone2 + 3 * BLOCK, stamped(2, BLOCK)));
    }

    @Test
    void zonesRecoverAsAfterAPowerCycle() {
        world.write(zone2, stamped(1, CAPACITY));
        world.write(world.start(3), stamped(1, BLOCK));
        world.run(BlockOp.ZONE_OPEN, 4);
        world.write(world.start(5), stamped(1, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 5);
        change(2, 5, ZoneCondition.OFFLINE);
        change(2, 5, null);

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(3));
        assertEquals(ZoneCondition.EMPTY, world.condition(4));
        assertEquals(ZoneCondition.FULL, world.condition(5));
        assertEquals(ZoneCondition.EMPTY, world.condition(6));
    }

    @Test
    void recoveryOfAGoodZoneChangesNothing() {
        world.run(BlockOp.ZONE_OPEN, 3);
        change(2, 3, null);
        assertEquals(ZoneCondition.EXPLICIT_OPEN, world.condition(3));
    }

    @Test
    void conditionsSurviveCloseDeathAndPowerCut() {
        world.write(zone2, stamped(1, BLOCK));
        change(2, 2, ZoneCondition.READ_ONLY);
        change(3, 4, ZoneCondition.OFFLINE);
        for (Runnable end : new Runnable[] {world::cutPowerAndOpen, world::killAndRecover, world::reopen}) {
            end.run();
            assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
            for (int zone = 3; zone < 7; zone++) {
                assertEquals(ZoneCondition.OFFLINE, world.condition(zone));
            }
            assertEquals(ZoneCondition.EMPTY, world.condition(7));
        }
    }

    @Test
    void acknowledgedDataOfAFailedZoneSurvivesTheDeathOfTheServer() {
        world.write(zone2, stamped(1, 3 * BLOCK));
        change(2, 1, ZoneCondition.READ_ONLY);
        world.killAndRecover();

        assertStamped(1, world.read(zone2, 3 * BLOCK));
        change(2, 1, null);
        assertEquals(3 * BLOCK, world.pointer(2));
    }

    /** Between the two syncs, any power cut leaves the old conditions or the new ones. */
    @ParameterizedTest
    @EnumSource(value = Barrier.class, names = "FAILED_ZONES_BEFORE_DONE")
    void changeIsLostWithoutItsBarrier(Barrier barrier) {
        world.image.leaveOut(barrier);
        change(2, 2, ZoneCondition.READ_ONLY);
        world.cutPowerAndOpen();
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void powerCutInTheFirstChangeLeavesNoneOrAll() throws IOException {
        for (int survivors = 0; survivors < 8; survivors++) {
            int mask = survivors;
            World fresh = World.small();
            fresh.flush();
            SimulatedDisk[] left = new SimulatedDisk[1];
            fresh.image.listen((call, offset, length) -> {
                if (call == SimulatedDisk.Call.SYNC && left[0] == null) {
                    left[0] = fresh.image.afterPowerCut((change, sector) -> (mask >>> sector % 3 & 1) != 0);
                }
            });
            change(fresh, 2, 3, ZoneCondition.OFFLINE);

            ZonedDevice device = ZonedDevice.open(left[0], () -> {});
            ZoneCondition[] seen = new ZoneCondition[16];
            device.report(0, 16, (index, start, capacity, pointer, condition) -> seen[index] = condition);
            assertEquals(seen[2], seen[3]);
            assertEquals(seen[2], seen[4]);
            assertTrue(seen[2] == ZoneCondition.EMPTY || seen[2] == ZoneCondition.OFFLINE, () -> "" + seen[2]);
        }
    }

    @Test
    void changeWaitsForAWriteInFlight() {
        world.port.hold();
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));
        world.step();
        CompletableFuture<@Nullable Void> done = world.device().changeCondition(2, 1, ZoneCondition.READ_ONLY);
        world.step();
        IoCall late = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.step();
        assertFalse(done.isDone());
        world.port.release();
        world.settle();

        assertTrue(done.isDone() && write.succeeded());
        assertEquals(EIO, late.result);
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @ParameterizedTest
    @EnumSource(
            value = BlockOp.class,
            names = {"ZONE_RESET", "ZONE_RESET_ALL", "ZONE_FINISH"})
    void changeThatWaitedBehindTheFailureOfItsZoneLeavesTheZone(BlockOp op) {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.step();
        CompletableFuture<@Nullable Void> done = world.device().changeCondition(2, 1, ZoneCondition.READ_ONLY);
        IoCall change = world.submit(op, 2);
        world.port.release();
        world.settle();

        done.join();
        assertEquals(op == BlockOp.ZONE_RESET_ALL ? 0 : EIO, change.result);
        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void withdrawnChangeHasNoEffectAndBlocksNothing() {
        world.write(zone2, stamped(1, BLOCK));
        world.port.hold();
        world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.step();
        CompletableFuture<@Nullable Void> change = world.device().changeCondition(2, 1, ZoneCondition.OFFLINE);
        world.step();
        IoCall late = world.submit(BlockOp.WRITE, zone2 + 2 * BLOCK, stamped(3, BLOCK));
        world.step();
        assertTrue(world.device().withdraw(change));
        world.port.release();
        world.settle();

        assertTrue(late.succeeded(), late::toString);
        assertFalse(change.isDone());
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));
        change(2, 1, ZoneCondition.OFFLINE);
        assertEquals(ZoneCondition.OFFLINE, world.condition(2));
    }

    @Test
    void completedChangeCannotBeWithdrawn() {
        CompletableFuture<@Nullable Void> change = world.device().changeCondition(2, 1, ZoneCondition.OFFLINE);
        world.settle();
        assertFalse(world.device().withdraw(change));
        assertEquals(ZoneCondition.OFFLINE, world.condition(2));
    }

    @Test
    void failedZoneIsNotActiveAndRecoversIfThereIsRoom() {
        World limited =
                new World(World.smallOptions().maxOpenZones(1).maxActiveZones(1).build());
        limited.write(limited.start(2), stamped(1, BLOCK));
        change(limited, 2, 1, ZoneCondition.READ_ONLY);
        assertEquals(BLOCK, limited.write(limited.start(3), stamped(1, BLOCK)));

        assertEquals(
                "more zones would be active than the device may have: reset or finish others",
                refusal(limited, 2, 1, null));
        assertEquals(ZoneCondition.READ_ONLY, limited.condition(2));
        limited.run(BlockOp.ZONE_RESET, 3);
        change(limited, 2, 1, null);
        assertEquals(ZoneCondition.CLOSED, limited.condition(2));
    }

    @Test
    void recoveringZoneKeepsItsPlaceUntilTheRecoveryIsDurable() {
        World limited =
                new World(World.smallOptions().maxOpenZones(1).maxActiveZones(1).build());
        limited.write(limited.start(2), stamped(1, BLOCK));
        change(limited, 2, 1, ZoneCondition.READ_ONLY);
        List<IoCall> opens = new ArrayList<>();
        limited.image.listen((call, offset, length) -> {
            if (call == SimulatedDisk.Call.SYNC) {
                opens.add(limited.submit(BlockOp.ZONE_OPEN, 3));
            }
        });
        change(limited, 2, 1, null);

        assertEquals(-BlockErrors.EOVERFLOW, opens.getFirst().result);
        assertEquals(ZoneCondition.CLOSED, limited.condition(2));
        limited.run(BlockOp.ZONE_RESET, 2);
        assertEquals(0, limited.run(BlockOp.ZONE_OPEN, 3));
    }

    @Test
    void conventionalAndNonexistentZonesAreRefused() {
        String sentence = "the sequential zones are 2 to 15: others cannot be read-only or offline";
        assertEquals(sentence, refusal(world, 1, 2, ZoneCondition.OFFLINE));
        assertEquals(sentence, refusal(world, 15, 2, ZoneCondition.OFFLINE));
        assertEquals(sentence, refusal(world, 16, 1, null));
        assertEquals(sentence, refusal(world, 2, 0, null));
    }

    @Test
    void tooManyRangesAreRefusedAndChangeNothing() {
        World many =
                new World(FormatOptions.ofSize(256L << 20).zoneSize(1 << 20).build());
        for (int i = 0; i < 42; i++) {
            change(many, 2 * i, 1, ZoneCondition.OFFLINE);
        }
        assertEquals(
                "an image can have at most 42 ranges of read-only and offline zones",
                refusal(many, 84, 1, ZoneCondition.OFFLINE));
        many.reopen();
        assertEquals(ZoneCondition.OFFLINE, many.condition(82));
        assertEquals(ZoneCondition.EMPTY, many.condition(83));
        assertEquals(ZoneCondition.EMPTY, many.condition(84));
    }

    @Test
    void changeThatCannotBeWrittenChangesNothing() {
        world.image.failWhere((call, offset, length) -> call == SimulatedDisk.Call.WRITE ? BlockErrors.ENOSPC : 0);
        refusal(world, 2, 1, ZoneCondition.READ_ONLY);
        world.image.failNothing();
        assertEquals(BLOCK, world.write(zone2, stamped(1, BLOCK)));
    }

    @Test
    void otherHeaderExtensionsAreUnchanged() throws IOException {
        change(2, 1, ZoneCondition.READ_ONLY);
        change(5, 1, ZoneCondition.OFFLINE);
        world.close();
        CheckResult checked = ImageChecker.check(world.image);
        assertEquals(CheckResult.Status.CLEAN, checked.status(), () -> "" + checked.findings());
        world.open();
        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
        assertEquals(ZoneCondition.OFFLINE, world.condition(5));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 43, it has 43 ranges",
        "4, 1, range 0 is 1 zones from 1 with condition 13",
        "4, 16, range 0 is 1 zones from 16 with condition 13",
        "8, 0, range 0 is 0 zones from 2 with condition 13",
        "8, 15, range 0 is 15 zones from 2 with condition 13",
        "12, 14, range 0 is 1 zones from 2 with condition 14"
    })
    void damagedListIsRefusedAndFound(int at, int value, String what) throws IOException {
        change(2, 1, ZoneCondition.READ_ONLY);
        world.close();
        long record = recordOffset();
        byte[] word = ByteBuffer.allocate(4).putInt(value).array();
        world.image.writeData(record + at, word, 0, 4);

        String sentence = "the list of read-only and offline zones in the header is damaged: " + what
                + "; restore the image from a copy";
        ImageFormatException refusal =
                assertThrows(ImageFormatException.class, () -> ZonedDevice.open(world.image, () -> {}));
        assertEquals(sentence, refusal.getMessage());
        CheckResult checked = ImageChecker.check(world.image);
        assertEquals(CheckResult.Status.CORRUPT, checked.status());
        assertTrue(checked.findings().toString().contains(what), () -> "" + checked.findings());
    }

    /** Returns the offset of the only header sector that begins with the number of ranges, which is 1. */
    private long recordOffset() {
        long offset = 512;
        while (ByteBuffer.wrap(world.image.peek(offset, 4)).getInt() != 1) {
            offset += 512;
        }
        return offset;
    }
}
