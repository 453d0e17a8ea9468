package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.LayoutConverter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import io.ublkzoned.engine.sim.ImageAreas;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every published layout, below and above 4 GiB. Images of it are read and used, and keep their layout. */
final class LayoutTest {

    private static final int CLUSTER = GoldenImage.CLUSTER;

    private static ZonedLayout layout(GoldenImage golden) {
        return ZonedLayout.valueOf(golden.name().substring(0, golden.name().indexOf('_')));
    }

    /** Returns write pointers: zone 3 was finished, zone 4 filled, zone 5 has a cluster of data. */
    private static long[] pointers(GoldenImage golden) {
        long[] pointers = golden.starts();
        pointers[3] = golden.finished(3);
        pointers[4] = golden.start(4) + golden.capacity();
        pointers[5] = golden.start(5) + CLUSTER;
        return pointers;
    }

    private static void make(GoldenImage golden, SimulatedDisk image) throws IOException {
        golden.writeTo(image, stamped(55, CLUSTER), pointers(golden));
    }

    private static void assertClean(SimulatedDisk image) throws IOException {
        CheckResult result = ImageChecker.check(image);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
    }

    @ParameterizedTest
    @EnumSource
    void readingDoesNotChangeTheImage(GoldenImage golden) throws IOException {
        SimulatedDisk file = new SimulatedDisk();
        make(golden, file);
        byte[] before = file.peek(0, (int) file.sizeBytes());
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);

        assertEquals(layout(golden), image.layout());
        assertEquals(
                new DeviceGeometry(golden.start(8), golden.start(1), golden.capacity(), 2, 4, 6), image.geometry());
        for (int zone = 0; zone < GoldenImage.ZONES; zone++) {
            assertEquals(pointers(golden)[zone], image.writePointers().get(zone));
        }
        assertClean(file);
        assertArrayEquals(before, file.peek(0, (int) file.sizeBytes()));
    }

    @ParameterizedTest
    @EnumSource
    void usedImageKeepsItsLayout(GoldenImage golden) throws IOException {
        World world = new World(image -> make(golden, image));
        for (int zone = 0; zone < GoldenImage.ZONES; zone++) {
            ZoneCondition expected = switch (zone) {
                case 0, 1 -> ZoneCondition.NOT_WP;
                case 3, 4 -> ZoneCondition.FULL;
                case 5 -> ZoneCondition.CLOSED;
                default -> ZoneCondition.EMPTY;
            };
            assertEquals(expected, world.condition(zone));
        }
        assertStamped(55, world.read(world.start(5), CLUSTER));
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 3));
        assertEquals(BLOCK, world.write(world.start(5) + CLUSTER, stamped(5, BLOCK)));
        assertEquals(0, world.run(BlockOp.ZONE_FINISH, 6));
        assertEquals(BLOCK, world.append(7, stamped(7, BLOCK)));
        assertEquals(BLOCK, world.write(world.start(2) - BLOCK, stamped(1, BLOCK)));
        world.close();

        long[] expected = pointers(golden);
        expected[3] = golden.start(3);
        expected[5] += BLOCK;
        expected[6] = golden.finished(6);
        expected[7] += BLOCK;
        assertHeaderAfterUse(golden, world.image);
        byte[] table = Arrays.copyOf(golden.table(expected), CLUSTER);
        assertArrayEquals(table, world.image.peek(GoldenImage.POINTERS, CLUSTER));
        assertClean(world.image);

        world.open();
        assertStamped(55, world.read(world.start(5), CLUSTER));
        assertStamped(5, world.read(world.start(5) + CLUSTER, BLOCK));
        assertStamped(0, world.read(world.start(5) + CLUSTER + BLOCK, BLOCK));
        assertStamped(7, world.read(world.start(7), BLOCK));
        assertStamped(1, world.read(world.start(2) - BLOCK, BLOCK));
        assertEquals(ZoneCondition.FULL, world.condition(6));
        assertEquals(ZoneCondition.EMPTY, world.condition(3));
    }

    @ParameterizedTest
    @EnumSource
    void newImageHasTheBytesOfItsLayout(GoldenImage golden) throws IOException {
        SimulatedDisk file = new SimulatedDisk();
        ImageFormatter.format(
                file,
                FormatOptions.ofSize(golden.start(8))
                        .zoneSize(golden.start(1))
                        .capacity(golden.capacity())
                        .conventionalZones(GoldenImage.CONVENTIONAL)
                        .maxOpenZones(GoldenImage.MAX_OPEN)
                        .maxActiveZones(GoldenImage.MAX_ACTIVE)
                        .layout(layout(golden))
                        .build());

        byte[] extension = golden.extensionInFile();
        int behindNames = 112 + 8 + 9 * 48;
        assertArrayEquals(extension, file.peek(behindNames, extension.length));
        assertArrayEquals(Arrays.copyOfRange(golden.header(), 72, 80), file.peek(72, 8));
        byte[] table = golden.table(golden.starts());
        assertArrayEquals(table, file.peek(GoldenImage.POINTERS, table.length));
        assertClean(file);
        assertEquals(layout(golden), Qcow2Image.open(file, Access.READ_WRITE).layout());
    }

    static List<Arguments> ofOneSize() {
        List<Arguments> pairs = new ArrayList<>();
        for (GoldenImage from : GoldenImage.values()) {
            for (GoldenImage to : GoldenImage.values()) {
                if (from != to && from.zoneShift == to.zoneShift) {
                    pairs.add(Arguments.of(from, to));
                }
            }
        }
        return pairs;
    }

    /** The image comes from another program and has unknown extensions before and behind the zoned one. */
    @ParameterizedTest
    @MethodSource("ofOneSize")
    void convertedImageHasTheBytesOfItsLayout(GoldenImage from, GoldenImage to) throws IOException {
        SimulatedDisk file = new SimulatedDisk();
        make(from, file);
        assertTrue(LayoutConverter.convert(file, layout(to), CheckProgress.UNSEEN));

        long table = 0;
        ImageAreas areas = new ImageAreas(file);
        while (areas.of(table) != ImageAreas.Area.WRITE_POINTERS) {
            table += CLUSTER;
        }
        assertArrayEquals(to.headerAfterConversion(table), file.peek(0, CLUSTER));
        long[] expected = pointers(to);
        expected[4] = to.finished(4);
        byte[] bytes = to.table(expected);
        assertArrayEquals(bytes, file.peek(table, bytes.length));
        assertTrue(file.isZero(GoldenImage.POINTERS, CLUSTER));
        assertClean(file);

        World world = new World(image -> image.copyFrom(file));
        assertStamped(55, world.read(world.start(5), CLUSTER));
        assertEquals(ZoneCondition.FULL, world.condition(3));
        assertEquals(ZoneCondition.FULL, world.condition(4));
        assertEquals(BLOCK, world.write(world.start(5) + CLUSTER, stamped(5, BLOCK)));
    }

    @ParameterizedTest
    @EnumSource
    void powerCutIsRecoveredInEveryLayout(GoldenImage golden) throws IOException {
        World world = new World(image -> make(golden, image));
        world.write(world.start(5) + CLUSTER, stamped(5, BLOCK));
        world.flush();
        world.write(world.start(5) + CLUSTER + BLOCK, stamped(6, BLOCK));
        world.cutPowerAndOpen();

        assertEquals(CLUSTER + BLOCK, world.pointer(5));
        assertStamped(55, world.read(world.start(5), CLUSTER));
        assertStamped(5, world.read(world.start(5) + CLUSTER, BLOCK));
        world.close();
        assertHeaderAfterUse(golden, world.image);
    }

    private static void assertHeaderAfterUse(GoldenImage golden, SimulatedDisk image) {
        byte[] record = image.peek(golden.recordAt(), 24);
        assertArrayEquals(golden.headerAfterUse(record), image.peek(0, CLUSTER));
    }
}
