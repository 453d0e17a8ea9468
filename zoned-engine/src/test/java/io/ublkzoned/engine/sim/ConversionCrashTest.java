package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.qcow2.LayoutConverter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Conversions between any two layouts that are interrupted at any call on the image, by a power cut or by the death of
 * the process. The zones always stay the same, and the image can be attached or converted to any layout.
 */
final class ConversionCrashTest {

    private static final int CLUSTER = 4096;
    private static final int ZONE = 8 * CLUSTER;
    private static final int TORN = 4;
    private static final List<ZonedLayout> LAYOUTS = List.of(ZonedLayout.values());

    /** The contents of an image: each zone as a reader sees it, and its condition after a power cycle. */
    private record Contents(List<String> zones) {

        static Contents of(SimulatedDisk disk) throws IOException {
            Qcow2Image image;
            try {
                image = Qcow2Image.open(disk, Access.READ_ONLY);
            } catch (ImageFormatException e) {
                throw new AssertionError(e.getMessage(), e);
            }
            DeviceGeometry geometry = image.geometry();
            ZoneTable table = new ZoneTable(geometry, image.writePointers()::get, image.failedZones()::condition);
            ImageReader reader = new ImageReader(disk, geometry);
            if (!reader.isDirty()) {
                assertEquals(reader.requireWhole(), disk.sizeBytes(), "the length of the closed image");
            }
            List<String> zones = new ArrayList<>();
            for (int i = 0; i < table.size(); i++) {
                Zone zone = table.zone(i);
                zones.add("%s %d %d"
                        .formatted(zone.condition(), zone.writePointerBytes(), Arrays.hashCode(reader.zone(i))));
            }
            return new Contents(zones);
        }
    }

    /**
     * Creates an image with data in a conventional zone, and with a closed, a full, a finished, an empty and an offline
     * zone.
     */
    private static SimulatedDisk image(ZonedLayout layout) throws IOException {
        World world = new World(FormatOptions.ofSize(7 * ZONE)
                .zoneSize(ZONE)
                .capacity(6 * CLUSTER)
                .conventionalZones(1)
                .maxOpenZones(3)
                .clusterSize(CLUSTER)
                .layout(layout)
                .build());
        world.write(world.start(0) + CLUSTER, TestData.stamped(1, CLUSTER));
        world.write(world.start(1), TestData.stamped(2, 2 * CLUSTER + 512));
        world.write(world.start(2), TestData.stamped(3, 6 * CLUSTER));
        world.write(world.start(3), TestData.stamped(4, CLUSTER));
        world.run(BlockOp.ZONE_FINISH, 3);
        world.write(world.start(5), TestData.stamped(5, CLUSTER));
        CompletableFuture<@Nullable Void> offline = world.device().changeCondition(5, 1, ZoneCondition.OFFLINE);
        world.settle();
        offline.join();
        world.close();
        world.image.cutPower((change, sector) -> true);
        return world.image;
    }

    /** Creates the same image, but does not close it. */
    private static SimulatedDisk unclosed(ZonedLayout layout) throws IOException {
        SimulatedDisk disk = image(layout);
        World world = new World(disk, 1);
        world.attach();
        world.write(world.start(6), TestData.stamped(6, 3 * CLUSTER));
        world.flush();
        world.write(world.start(6) + 3 * CLUSTER, TestData.stamped(7, CLUSTER));
        disk.cutPower((change, sector) -> true);
        return disk;
    }

    private static void convert(SimulatedDisk disk, ZonedLayout layout) throws IOException {
        LayoutConverter.convert(disk, layout, CheckProgress.UNSEEN);
    }

    private static ZonedLayout layoutOf(SimulatedDisk disk) throws IOException {
        return Qcow2Image.open(disk, Access.READ_ONLY).layout();
    }

    private static void assertClosed(SimulatedDisk disk) throws IOException {
        CheckResult result = ImageChecker.check(disk);
        assertEquals(
                CheckResult.Status.CLEAN,
                result.status(),
                () -> result.findings().toString());
        assertFalse(result.dirty(), "not closed");
    }

    /** Attaches the image and detaches it, which closes it. */
    private static void attach(SimulatedDisk disk) throws IOException {
        World world = new World(disk, 1);
        world.attach();
        world.close();
        assertClosed(disk);
    }

    /** Returns all states that a crash at one of the calls of a conversion can leave. */
    private static List<SimulatedDisk> crashes(SimulatedDisk image, ZonedLayout to, @Nullable Barrier missing)
            throws IOException {
        SimulatedDisk disk = image.copy();
        disk.leaveOut(missing);
        List<SimulatedDisk> left = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        disk.listen((call, offset, length) -> {
            if (call == Call.READ) {
                return;
            }
            List<Survival> survivals = new ArrayList<>(PowerCuts.combinations(disk.unsyncedChanges()));
            for (int seed = 0; seed < TORN; seed++) {
                int dice = seed;
                survivals.add((change, sector) -> (Trace.mix(31L * change + sector + 1009L * dice) & 1) != 0);
            }
            for (Survival survival : survivals) {
                SimulatedDisk after = disk.afterPowerCut(survival);
                if (seen.add(after.contentHash())) {
                    left.add(after);
                }
            }
        });
        convert(disk, to);
        left.add(disk.afterPowerCut(Survival.NOTHING));
        return left;
    }

    private static void convertWithCrashes(SimulatedDisk image, ZonedLayout to, @Nullable Barrier missing)
            throws IOException {
        Contents contents = Contents.of(image);
        ZonedLayout from = layoutOf(image);
        List<SimulatedDisk> left = crashes(image, to, missing);
        SimulatedDisk converted = left.getLast();
        assertEquals(to, layoutOf(converted));
        assertClosed(converted);
        for (SimulatedDisk each : left) {
            assertEquals(contents, Contents.of(each));
            ZonedLayout found = layoutOf(each);
            assertTrue(found == from || found == to, found.label());

            SimulatedDisk attached = each.copy();
            attach(attached);
            assertEquals(found, layoutOf(attached));
            assertEquals(contents, Contents.of(attached));
            ZonedLayout any = LAYOUTS.get((int) Long.remainderUnsigned(each.contentHash(), LAYOUTS.size()));
            for (ZonedLayout next : List.of(to, any)) {
                SimulatedDisk again = each.copy();
                convert(again, next);
                assertEquals(next, layoutOf(again));
                assertEquals(contents, Contents.of(again));
                attach(again);
            }
        }
        assertTrue(left.size() > 20, "only " + left.size() + " crashes");
    }

    private static void convertAllWithCrashes(@Nullable Barrier missing) throws IOException {
        for (ZonedLayout from : LAYOUTS) {
            for (ZonedLayout to : LAYOUTS) {
                if (from != to) {
                    convertWithCrashes(image(from), to, missing);
                }
            }
        }
    }

    @Test
    void zonesStayTheSameWhereverAConversionIsInterrupted() throws IOException {
        convertAllWithCrashes(null);
    }

    @ParameterizedTest
    @EnumSource
    void unclosedImageIsRecoveredAndConverted(ZonedLayout from) throws IOException {
        convertWithCrashes(unclosed(from), from == ZonedLayout.BE44 ? ZonedLayout.V4 : ZonedLayout.BE44, null);
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(
            mode = EnumSource.Mode.MATCH_ANY,
            names = {"CONVERSION.*", "DIRTY_BEFORE_CHANGES", "ALL_BEFORE_CLEAN", "CLEAN_BEFORE_CLOSED"})
    void missingBarrierOfAConversionIsDetected(Barrier barrier) {
        assertThrows(AssertionError.class, () -> convertAllWithCrashes(barrier));
    }

    /** A second power cut occurs while the remains of the first are converted. */
    @Test
    void interruptedConversionCompletesDespiteAnotherCrash() throws IOException {
        SimulatedDisk image = image(ZonedLayout.V4);
        Contents contents = Contents.of(image);
        for (SimulatedDisk each : crashes(image, ZonedLayout.V8, null)) {
            for (SimulatedDisk twice : crashes(each, ZonedLayout.BE44, null)) {
                assertEquals(contents, Contents.of(twice));
                convert(twice, ZonedLayout.V8);
                assertEquals(ZonedLayout.V8, layoutOf(twice));
                assertEquals(contents, Contents.of(twice));
            }
        }
    }

    /** A fault in one of the calls that change something. */
    private static final class FailingCall implements SimulatedDisk.Faults {

        private int callsLeft;

        FailingCall(int number) {
            callsLeft = number;
        }

        @Override
        public int errno(Call call, long offset, long length) {
            return call != Call.READ && --callsLeft == 0 ? BlockErrors.EIO : 0;
        }
    }

    /** Each call fails once, with the file as the kernel then shows it. */
    @Test
    void failedConversionIsCompletedByTheNextOne() throws IOException {
        SimulatedDisk image = image(ZonedLayout.V6);
        Contents contents = Contents.of(image);
        int calls = 0;
        boolean failed = true;
        while (failed) {
            SimulatedDisk disk = image.copy();
            disk.failWhere(new FailingCall(++calls));
            try {
                convert(disk, ZonedLayout.BE44);
                failed = false;
            } catch (ImageIoException e) {
                disk.failNothing();
                assertEquals(contents, Contents.of(disk));
                convert(disk, ZonedLayout.V8);
                assertEquals(contents, Contents.of(disk));
                assertEquals(ZonedLayout.V8, layoutOf(disk));
                assertClosed(disk);
            }
        }
        assertTrue(calls > 10, "only " + calls + " calls");
    }
}
