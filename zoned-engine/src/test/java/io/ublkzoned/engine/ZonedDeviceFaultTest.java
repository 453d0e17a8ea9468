package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.FaultError;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The faults that a device shows on request. */
final class ZonedDeviceFaultTest {

    private static final int EIO = -BlockErrors.EIO;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private List<DeviceFaults.Armed> faults() {
        return world.device().faults().list();
    }

    @ParameterizedTest
    @EnumSource
    void requestFailsWithTheChosenErrorAndHasNoEffect(FaultError error) {
        world.inject("--on write --error " + error);

        assertEquals(-error.errno(), world.write(zone2, stamped(1, BLOCK)));
        assertEquals(0, world.pointer(2));
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(BLOCK, world.write(zone2, stamped(2, BLOCK)), "the second time it succeeds");
        assertStamped(2, world.read(zone2, BLOCK));
    }

    @Test
    void writePointerStandsBehindTheKeptData() {
        world.inject("--on write --keep 4K --error EIO");

        assertEquals(EIO, world.write(zone2, stamped(1, 4 * BLOCK)));
        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
        assertEquals(BLOCK, world.write(zone2 + BLOCK, stamped(2, BLOCK)));
        world.flush();
        world.cutPowerAndOpen();
        assertStamped(1, world.read(zone2, BLOCK));
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void requestShorterThanTheKeptSizeIsCarriedOutAndFails() {
        world.inject("--on write --keep 1M --error EIO");

        assertEquals(EIO, world.write(zone2, stamped(1, BLOCK)));
        assertEquals(BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void dataThatWasNotKeptReadsAsZerosBelowAnAdvancedPointer() {
        int cluster = 64 << 10;
        world.append(2, stamped(7, cluster - BLOCK));
        world.inject("--on append --keep 4K --error EIO --pointer advanced");

        assertEquals(EIO, world.append(2, stamped(1, 3 * BLOCK)));
        assertEquals(cluster + 2 * BLOCK, world.pointer(2));
        assertStamped(1, world.read(zone2 + cluster - BLOCK, BLOCK));
        assertStamped(0, world.read(zone2 + cluster, 2 * BLOCK));
        assertEquals(BLOCK, world.append(2, stamped(2, BLOCK)));
        assertStamped(2, world.read(zone2 + cluster + 2 * BLOCK, BLOCK));
    }

    @Test
    void dataOfAnEarlierFailedWriteIsErasedBelowAnAdvancedPointer() {
        world.inject("--on write --nth 1 --keep all --error EIO --pointer unmoved");
        world.inject("--on write --nth 1 --error EIO --pointer advanced");
        assertEquals(EIO, world.write(zone2, stamped(1, 2 * BLOCK)));
        assertEquals(0, world.pointer(2));

        assertEquals(EIO, world.write(zone2, stamped(2, 2 * BLOCK)));
        assertEquals(2 * BLOCK, world.pointer(2));
        assertStamped(0, world.read(zone2, 2 * BLOCK));
    }

    @Test
    void nextWriteReplacesDataAboveAnUnmovedPointer() {
        world.inject("--on write --keep 8K --error EIO --pointer unmoved");

        assertEquals(EIO, world.write(zone2, stamped(1, 3 * BLOCK)));
        assertEquals(0, world.pointer(2));
        assertStamped(0, world.read(zone2, 3 * BLOCK));
        assertEquals(BLOCK, world.write(zone2, stamped(2, BLOCK)));
        world.run(BlockOp.ZONE_FINISH, 2);
        assertStamped(2, world.read(zone2, BLOCK));
        assertStamped(0, world.read(zone2 + BLOCK, 2 * BLOCK));
    }

    @Test
    void appendBehindAFailedOneIsPlacedBehindItsKeptData() {
        world.append(2, stamped(9, BLOCK)); // loads the zone's map
        world.inject("--on append --keep 4K --error EIO");
        world.port.hold();
        IoCall failing = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(1, 3 * BLOCK));
        IoCall behind = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        world.settle();

        assertEquals(EIO, failing.result);
        assertEquals(BLOCK, behind.result);
        assertEquals(zone2 + 2 * BLOCK, behind.place);
        assertStamped(1, world.read(zone2 + BLOCK, BLOCK));
        assertStamped(2, world.read(zone2 + 2 * BLOCK, BLOCK));
    }

    @Test
    void appendBehindAnUnmovedPointerFails() {
        world.append(2, stamped(9, BLOCK)); // loads the zone's map
        world.inject("--on append --keep all --error ENODATA --pointer unmoved");
        world.port.hold();
        IoCall failing = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(1, BLOCK));
        IoCall behind = world.submit(BlockOp.ZONE_APPEND, zone2, stamped(2, BLOCK));
        world.settle();

        assertEquals(-FaultError.ENODATA.errno(), failing.result);
        assertEquals(EIO, behind.result);
        assertEquals(BLOCK, world.pointer(2));
        assertEquals(BLOCK, world.append(2, stamped(3, BLOCK)));
    }

    @Test
    void blockOfAConventionalZoneIsKeptInPart() {
        world.write(0, stamped(1, 2 * BLOCK));
        world.inject("--on write --keep 4K --error EIO");

        assertEquals(EIO, world.write(0, stamped(2, 2 * BLOCK)));
        assertStamped(2, world.read(0, BLOCK));
        assertStamped(1, world.read(BLOCK, BLOCK));
    }

    @Test
    void resetIsCarriedOutAndItsAnswerIsLost() {
        world.write(zone2, stamped(1, BLOCK));
        world.inject("--on reset --keep all --error EIO");

        assertEquals(EIO, world.run(BlockOp.ZONE_RESET, 2));
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
    }

    @Test
    void lastZonesKeepTheirDataWhenAResetOfAllZonesFails() {
        for (int zone = 3; zone < 6; zone++) {
            world.append(zone, stamped(zone, BLOCK));
        }
        world.inject("--on reset-all --keep-zones 2 --error EIO");

        assertEquals(EIO, world.resetAll());
        assertEquals(0, world.pointer(3));
        assertStamped(4, world.read(world.start(4), BLOCK));
        assertStamped(5, world.read(world.start(5), BLOCK));
        assertEquals(0, world.resetAll());
        assertEquals(0, world.pointer(5));
    }

    @Test
    void failedFlushLosesNothingAndTheNextOneSucceeds() {
        world.write(zone2, stamped(1, BLOCK));
        world.inject("--on flush --error EIO");

        assertEquals(EIO, world.flush());
        assertEquals(0, world.flush());
        world.cutPowerAndOpen();
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void flushWhoseAnswerIsLostIsDurable() {
        world.write(zone2, stamped(1, BLOCK));
        world.inject("--on flush --keep all --error EIO");

        assertEquals(EIO, world.flush());
        world.cutPowerAndOpen();
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void forcedWriteWhoseAnswerIsLostIsDurable() {
        world.inject("--on write --fua --keep all --error EIO");
        world.write(zone2, stamped(1, BLOCK));

        assertEquals(EIO, world.writeFua(zone2 + BLOCK, stamped(2, BLOCK)));
        world.cutPowerAndOpen();
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
    }

    @Test
    void delayedRequestIsCarriedOutWhenItsTimeHasPassed() {
        world.inject("--on write --delay 20ms");
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));
        assertFalse(write.done || world.queue.hasHandedOver());
        assertEquals(0, world.pointer(2));
        assertEquals(1, faults().getFirst().waiting());

        assertTrue(world.endDelays());
        world.settle();
        assertEquals(BLOCK, write.result);
        assertStamped(1, world.read(zone2, BLOCK));
    }

    @Test
    void stalledRequestWaitsForItsRelease() {
        world.inject("--on finish --stall --times 0");
        IoCall first = world.submit(BlockOp.ZONE_FINISH, zone2, new byte[0]);
        IoCall second = world.submit(BlockOp.ZONE_FINISH, world.start(3), new byte[0]);
        world.settle();
        assertEquals(2, faults().getFirst().waiting());
        assertFalse(first.done || second.done);

        assertEquals(2, world.device().faults().release());
        world.settle();
        assertTrue(first.succeeded() && second.succeeded());
        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertEquals(0, faults().getFirst().waiting());
    }

    @Test
    void removedRuleReleasesWhatItStalls() {
        int rule = world.inject("--on write --stall");
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));

        assertTrue(world.device().faults().remove(rule));
        assertFalse(world.device().faults().remove(rule));
        world.settle();
        assertEquals(BLOCK, write.result);
        assertEquals(List.of(), faults());
    }

    @Test
    void delayEndsWithItsRuleAndItsTimerThenDoesNothing() {
        int rule = world.inject("--on write --delay 3600s --times 1");
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));
        assertTrue(world.device().faults().remove(rule));
        while (world.queue.proceedWithNext() || !write.done) {
            world.device().maintain();
        }
        world.inject("--on write --stall");
        IoCall next = world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));

        assertTrue(world.endDelays());
        assertFalse(world.queue.hasHandedOver() || next.done);
        world.device().faults().release();
        world.settle();
        assertEquals(BLOCK, next.result);
    }

    @Test
    void detachedDeviceTakesNoRule() {
        world.inject("--on write --stall");
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK));
        world.device().faults().end();
        world.settle();

        assertEquals(BLOCK, write.result);
        assertRefused("the device is being detached", "--on write --stall");
    }

    @Test
    void rulePassesOverRequestsThatTheDeviceHadBefore() {
        IoCall write = world.submit(BlockOp.WRITE, zone2, stamped(1, BLOCK)); // waits for the zone's map
        assertFalse(write.done);
        world.inject("--on write --error EIO");
        world.settle();

        assertEquals(BLOCK, write.result);
        assertEquals(0, faults().getFirst().matched());
    }

    @Test
    void zoneBecomesReadOnlyBeforeTheWriteThatHitsTheRule() {
        world.write(zone2, stamped(1, BLOCK));
        world.inject("--on write --nth 2 --make-zone read-only");
        assertEquals(BLOCK, world.write(zone2 + BLOCK, stamped(2, BLOCK)));

        assertEquals(EIO, world.write(zone2 + 2 * BLOCK, stamped(3, BLOCK)));
        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
        assertStamped(2, world.read(zone2 + BLOCK, BLOCK));
        world.cutPowerAndOpen();
        assertEquals(ZoneCondition.READ_ONLY, world.condition(2));
    }

    @Test
    void ruleForAConditionPassesOverConventionalZones() {
        world.inject("--on any --make-zone offline");

        assertEquals(BLOCK, world.write(0, stamped(1, BLOCK)));
        assertEquals(0, world.flush());
        assertEquals(EIO, world.append(3, stamped(1, BLOCK)));
        assertEquals(ZoneCondition.OFFLINE, world.condition(3));
    }

    @Test
    void firstRuleThatHitsDecidesAndTheOthersDoNotCount() {
        world.inject("--on write --nth 2 --error ENODATA");
        world.inject("--on any --zones 2 --times 0 --error EILSEQ");

        assertEquals(-FaultError.EILSEQ.errno(), world.write(zone2, stamped(1, BLOCK)));
        assertEquals(-FaultError.ENODATA.errno(), world.write(zone2, stamped(1, BLOCK)));
        assertEquals(BLOCK, world.append(3, stamped(1, BLOCK)));
        assertEquals(2, faults().getFirst().matched());
        assertEquals(1, faults().getFirst().hits());
        assertEquals(1, faults().getLast().matched());
    }

    @Test
    void readThatTouchesTheRangeFailsForEver() {
        world.append(2, stamped(1, 4 * BLOCK));
        long bad = zone2 + 2 * BLOCK;
        world.inject("--on read --range %d+4K --error ENODATA --times 0".formatted(bad));

        for (int i = 0; i < 3; i++) {
            IoCall read = world.submit(BlockOp.READ, zone2, new byte[3 * BLOCK]);
            assertEquals(-FaultError.ENODATA.errno(), read.result);
        }
        assertStamped(1, world.read(zone2, 2 * BLOCK));
        assertStamped(1, world.read(bad + BLOCK, BLOCK));
    }

    @Test
    void sameSeedHitsTheSameRequests() {
        assertEquals(hits("--seed 7"), hits("--seed 7"));
        assertNotEquals(hits("--seed 7"), hits("--seed 8"));
    }

    /** Returns the results of a hundred reads, of which one in four fails. */
    private static List<Integer> hits(String seed) {
        World world = World.small();
        world.inject("--on read --chance 1/4 --error EIO " + seed);
        List<Integer> results = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            results.add(readResult(world));
        }
        assertTrue(results.contains(EIO) && results.contains(BLOCK));
        return results;
    }

    private static int readResult(World world) {
        IoCall read = world.submit(BlockOp.READ, 0, new byte[BLOCK]);
        world.settle();
        return read.result;
    }

    @Test
    void everyThirdRequestIsHit() {
        world.inject("--on read --every 3 --error EIO");
        List<Integer> results = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            results.add(readResult(world));
        }
        assertEquals(List.of(BLOCK, BLOCK, EIO, BLOCK, BLOCK, EIO), results);
    }

    @Test
    void appendThatWasCarriedOutAndFailedIsNotTakenForALaterOne() {
        world.inject("--on append --keep all --error EIO");
        byte[] data = stamped(1, BLOCK);
        IoCall failing = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, data, false);
        world.settle();
        assertEquals(EIO, failing.result);
        world.killAndRecover();

        IoCall next = world.queue.submitAs(0, BlockOp.ZONE_APPEND, zone2, data, false);
        world.settle();
        assertEquals(zone2 + BLOCK, next.place);
    }

    @Test
    void faultThatTheDeviceCannotShowIsRefused() {
        assertRefused("--keep must be a multiple of 4096", "--on write --keep 512 --error EIO");
        assertRefused("the last zone of the device is 15", "--on write --zones 16 --error EIO");
        assertRefused("zones below 2 are conventional", "--on write --zones 0-1 --make-zone offline");
        assertRefused("the range ends behind the device", "--on read --range 16M+4K --error EIO");
    }

    private void assertRefused(String reason, String rule) {
        String message = String.valueOf(assertThrows(IllegalArgumentException.class, () -> world.inject(rule))
                .getMessage());
        assertTrue(message.contains(reason), message);
    }
}
