package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageRepair;
import io.ublkzoned.engine.qcow2.RepairExtent;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Repairs that a power cut interrupts at any sync, with all combinations of surviving changes. */
final class RepairCrashTest {

    private static final int CLUSTER = 4096;
    private static final int CORRUPT = 2;

    private static DeviceGeometry geometry() {
        return options().geometry();
    }

    private static FormatOptions options() {
        return FormatOptions.ofSize(4 * 8 * CLUSTER)
                .zoneSize(8 * CLUSTER)
                .conventionalZones(1)
                .clusterSize(CLUSTER)
                .build();
    }

    /**
     * Creates an image with a leak, clusters past a write pointer, a lost owner flag and a refcount that is too low.
     */
    private static SimulatedDisk damaged() throws IOException {
        World world = new World(options());
        for (int zone = 0; zone < 4; zone++) {
            world.write(world.start(zone), TestData.stamped(zone + 1, 3 * CLUSTER));
        }
        world.close();
        SimulatedDisk disk = world.image;
        ByteBuffer header = ByteBuffer.wrap(disk.peek(0, 104));
        long l2 = ByteBuffer.wrap(disk.peek(header.getLong(40), 8)).getLong() & ~(1L << 63);
        long refcounts = ByteBuffer.wrap(disk.peek(header.getLong(48), 8)).getLong();
        long pointers = pointersOffset(disk);
        put(disk, pointers + 2 * Long.BYTES, geometry().zoneStart(2) + CLUSTER);
        long entry = ByteBuffer.wrap(disk.peek(l2, 8)).getLong();
        put(disk, l2, entry & ~(1L << 63));
        int used = (int) ((entry & ~(1L << 63)) / CLUSTER);
        disk.writeData(refcounts + 2L * used, new byte[] {0, 0}, 0, 2);
        int leaked = (int) (disk.sizeBytes() / CLUSTER);
        disk.writeData((long) leaked * CLUSTER, TestData.stamped(-1, CLUSTER), 0, CLUSTER);
        disk.writeData(refcounts + 2L * leaked, new byte[] {0, 1}, 0, 2);
        disk.cutPower((change, sector) -> true);
        return disk;
    }

    /** Returns the offset of the write pointer table, which is the only area that holds the start of the last zone. */
    private static long pointersOffset(SimulatedDisk disk) {
        ImageAreas areas = new ImageAreas(disk);
        long offset = 0;
        while (areas.of(offset) != ImageAreas.Area.WRITE_POINTERS) {
            offset += CLUSTER;
        }
        return offset;
    }

    private static void put(SimulatedDisk disk, long offset, long value) {
        disk.writeData(offset, ByteBuffer.allocate(Long.BYTES).putLong(value).array(), 0, Long.BYTES);
    }

    private static boolean isMarked(SimulatedDisk disk) {
        return (disk.peek(79, 1)[0] & CORRUPT) != 0;
    }

    private static void repair(SimulatedDisk disk) throws IOException {
        ImageRepair.repair(disk, RepairExtent.ALL, (offset, oldWord, newWord) -> {}, CheckProgress.UNSEEN);
    }

    /** Repairs the image, and repairs it again from each state that a power cut can leave. */
    private static void repairWithPowerCuts(@Nullable Barrier missing) throws IOException {
        SimulatedDisk original = damaged();
        SimulatedDisk disk = original.copy();
        disk.leaveOut(missing);
        List<SimulatedDisk> left = new ArrayList<>();
        disk.listen((call, offset, length) -> {
            if (call == Call.SYNC) {
                for (Survival survival : PowerCuts.combinations(disk.unsyncedChanges())) {
                    left.add(disk.afterPowerCut(survival));
                }
            }
        });
        repair(disk);
        disk.cutPower(Survival.NOTHING);
        assertFalse(isMarked(disk), "repaired, and still marked as corrupt");
        assertRepaired(disk);
        for (SimulatedDisk each : left) {
            if (!isMarked(each) && !each.sameBytes(original)) {
                assertRepaired(each);
            }
            repair(each);
            assertRepaired(each);
        }
        assertTrue(left.size() > 8, "only " + left.size() + " power cuts");
    }

    private static void assertRepaired(SimulatedDisk disk) throws IOException {
        CheckResult result = ImageChecker.check(disk, CheckProgress.UNSEEN);
        assertEquals(
                CheckResult.Status.CLEAN,
                result.status(),
                () -> result.findings().toString());
        new ImageReader(disk, geometry()).requireWhole();
    }

    @Test
    void interruptedRepairIsCompletedByTheNextOne() throws IOException {
        repairWithPowerCuts(null);
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(mode = EnumSource.Mode.MATCH_ANY, names = ".*REPAIR.*|.*REFCOUNTS|.*UNMARK")
    void missingBarrierOfARepairIsDetected(Barrier barrier) {
        assertThrows(AssertionError.class, () -> repairWithPowerCuts(barrier));
    }
}
