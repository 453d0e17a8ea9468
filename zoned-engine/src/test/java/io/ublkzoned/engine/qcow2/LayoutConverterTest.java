package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Conversions of headers and tables, byte for byte. {@code ConversionCrashTest} interrupts conversions. */
class LayoutConverterTest {

    private static final long MIB = Images.MIB;
    private static final int CLUSTER = 4096;

    static List<Arguments> pairs() {
        List<Arguments> pairs = new ArrayList<>();
        for (ZonedLayout from : ZonedLayout.values()) {
            for (ZonedLayout to : ZonedLayout.values()) {
                if (from != to) {
                    pairs.add(Arguments.of(from, to));
                }
            }
        }
        return pairs;
    }

    private static boolean convert(ImageFile file, ZonedLayout layout) throws IOException {
        return LayoutConverter.convert(file, layout, CheckProgress.UNSEEN);
    }

    private static Qcow2Image open(SparseImage file) throws IOException {
        return Qcow2Image.open(file, Access.READ_ONLY);
    }

    private static void assertClean(SparseImage file) throws IOException {
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        assertFalse(result.dirty());
    }

    private static void assertRefused(String sentence, SparseImage file, ZonedLayout layout) {
        SparseImage before = file.copy();
        Exception e = assertThrows(Exception.class, () -> convert(file, layout));
        assertTrue(e instanceof ImageFormatException || e instanceof GeometryException, e::toString);
        assertEquals(sentence, e.getMessage());
        assertTrue(file.sameBytes(before), "the file was written to");
    }

    /**
     * Creates an image in which zone 3 is partly written, zone 4 filled, zone 5 finished, with data in zones 0 and 3.
     */
    private static SparseImage used(ZonedLayout layout) throws IOException {
        SparseImage file = Images.create(Images.small().layout(layout));
        Images.map(file, 7, 3);
        Images.map(file, 3 * 256, 2);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        image.writePointers().set(3, 3 * MIB + 2 * CLUSTER - 512);
        image.writePointers().set(4, 4 * MIB + (768 << 10));
        image.writePointers().set(5, 6 * MIB);
        image.writePointers().writeDirtyPages(file);
        image.markClosed();
        return file;
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void convertedImageHasTheHeaderOfANewOne(ZonedLayout from, ZonedLayout to) throws IOException {
        SparseImage file = used(from);
        long end = file.sizeBytes();
        long[] mapped = new long[4096];
        open(file).readMapping(0, 4096, mapped);
        assertTrue(convert(file, to));

        SparseImage fresh = Images.create(Images.small().layout(to));
        long table = Images.pointers(file, to);
        assertEquals(end, table);
        fresh.putLong(Images.pointersField(to), table);
        assertArrayEquals(fresh.bytes(0, CLUSTER), file.bytes(0, CLUSTER));
        Qcow2Image image = open(file);
        assertEquals(to, image.layout());
        assertEquals(3 * MIB + 2 * CLUSTER - 512, image.writePointers().get(3));
        long full = to.pointersBigEndian() ? 256 << 10 : 0;
        assertEquals(5 * MIB - full, image.writePointers().get(4));
        assertEquals(6 * MIB - full, image.writePointers().get(5));
        long[] mappedNow = new long[4096];
        image.readMapping(0, 4096, mappedNow);
        assertArrayEquals(mapped, mappedNow);
        assertTrue(image.writePointers().isEncodedAsItsLayout());
        assertClean(file);
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void oldTableIsFreedAndUsedByTheNextConversion(ZonedLayout from, ZonedLayout to) throws IOException {
        SparseImage file = used(from);
        long first = Images.pointers(file, from);
        convert(file, to);
        long second = Images.pointers(file, to);
        assertArrayEquals(new byte[CLUSTER], file.bytes(first, CLUSTER));
        assertEquals(0, file.getLong(Images.refcount(file, first / CLUSTER)) >>> 48);
        convert(file, from);
        assertEquals(first, Images.pointers(file, from));
        assertEquals(second, file.sizeBytes());
        assertClean(file);
    }

    @ParameterizedTest
    @EnumSource
    void imageInTheTargetLayoutIsNotWrittenTo(ZonedLayout layout) throws IOException {
        SparseImage file = used(layout);
        SparseImage before = file.copy();
        assertFalse(convert(file, layout));
        assertTrue(file.sameBytes(before));
    }

    @ParameterizedTest
    @EnumSource
    void unclosedImageIsClosedInItsLayout(ZonedLayout layout) throws IOException {
        SparseImage file = used(layout);
        SparseImage before = file.copy();
        long end = file.sizeBytes();
        file.putByte(Images.INCOMPATIBLE + 7, layout.hasFeatureBit() ? 0x21 : 1);
        file.putLong(end, -1).putLong(CLUSTER - 8, -1);
        assertTrue(convert(file, layout));
        assertClean(file);
        assertTrue(file.sameBytes(before));
    }

    @Test
    void oddEncodingAndLongerExtensionAreNormalized() throws IOException {
        SparseImage file = Images.create(Images.small().layout(ZonedLayout.V6));
        long table = Images.pointers(file, ZonedLayout.V6);
        for (int zone = 0; zone < 16; zone++) {
            file.putLong(table + 8L * zone, zone * MIB | (zone < 2 ? 1L << 63 : 0));
        }
        // It also overwrites the record of the attach.
        file.putInt(Images.ZONED - 4, 80).putLong(Images.ZONED + 48, 0x1111_1111_1111_1111L);
        assertTrue(convert(file, ZonedLayout.V6));
        SparseImage fresh = Images.create(Images.small().layout(ZonedLayout.V6));
        fresh.putLong(Images.ZONED + 40, Images.pointers(file, ZonedLayout.V6)).putLong(Images.ZONED + 48, 0);
        assertArrayEquals(fresh.bytes(0, CLUSTER), file.bytes(0, CLUSTER));
        assertEquals(Long.reverseBytes(MIB | 1L << 59), file.getLong(Images.pointers(file, ZonedLayout.V6) + 8));
        assertFalse(convert(file, ZonedLayout.V6));
        assertClean(file);
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void failedZonesAndUnknownExtensionsStay(ZonedLayout from, ZonedLayout to) throws IOException {
        SparseImage file = used(from);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        image.writeFailedZones(image.failedZones().with(6, 3, ZoneCondition.OFFLINE));
        image.markClosed();
        // The table of feature names becomes an unknown extension.
        file.putInt(112, 0x12345678);
        byte[] unknown = file.bytes(112, 8 + 9 * 48);
        convert(file, to);

        Qcow2Image converted = open(file);
        assertArrayEquals(unknown, file.bytes(112, unknown.length));
        assertEquals(ZoneCondition.OFFLINE, converted.failedZones().condition(8));
        assertNull(converted.failedZones().condition(9));
        HeaderExtension extension = converted.header().extension(HeaderExtension.FAILED_ZONES);
        long recordEnd = converted.header().extensionsEnd() - HeaderExtension.PREFIX_BYTES;
        assertEquals(0, recordEnd % 512);
        assertTrue(extension != null && extension.data().byteSize() >= 512);
        assertClean(file);
    }

    @Test
    void appendLimitOfTheImageIsKeptWhereTheLayoutHasOne() throws IOException {
        SparseImage file = Images.create(Images.small().layout(ZonedLayout.V4)).putInt(Images.ZONED + 28, 200);
        convert(file, ZonedLayout.V8);
        assertEquals(200 * 512, file.getInt(Images.ZONED + 36));
        convert(file.putInt(Images.ZONED + 36, 1 << 20), ZonedLayout.V6);
        assertEquals((768 << 10) - 1024, file.getInt(Images.ZONED + 28));
        convert(file.putInt(Images.ZONED + 28, 0), ZonedLayout.BE48);
        assertEquals(64 << 10, file.getInt(Images.ZONED + 36));
    }

    @Test
    void layoutThatCannotHoldTheDeviceIsRefused() throws IOException {
        SparseImage file = Images.create(FormatOptions.ofSize(64 * Images.GIB).zoneSize(4 * Images.GIB));
        for (ZonedLayout narrow : new ZonedLayout[] {ZonedLayout.V4, ZonedLayout.V6}) {
            assertRefused(
                    "the zone size 4294967296 does not fit layout %s, which has 32 bits for it: use layout v8 or a later one, or zones of 2G or less"
                            .formatted(narrow.label()),
                    file,
                    narrow);
        }
        assertTrue(convert(file, ZonedLayout.V8));
        assertClean(file);
    }

    @Test
    void damagedImageIsRefused() throws IOException {
        SparseImage file = used(ZonedLayout.V6);
        file.putLong(Images.l2Entry(file, 7), 1L << 62 | 0x5000);
        assertRefused("the image is damaged, and stays in layout v6: run ublk-zoned check", file, ZonedLayout.BE44);
    }

    @Test
    void headerWithoutRoomForACopyIsRefused() throws IOException {
        SparseImage file = used(ZonedLayout.BE44);
        // An extension of two thirds of the cluster is behind the others.
        long end = open(file).header().extensionsEnd() - 8;
        file.putInt(end, 0x12345678).putInt(end + 4, 2400);
        assertRefused(
                "the header of the image has no room for a second copy of its extensions: copy its data to an image with larger clusters",
                file,
                ZonedLayout.V6);
    }

    @Test
    void impossibleOriginOfTheExtensionsIsDamage() throws IOException {
        SparseImage file = used(ZonedLayout.BE44);
        long end = open(file).header().extensionsEnd() - 8;
        for (int home : new int[] {-8, 96, 113, 112, 4096}) {
            SparseImage moved = file.copy();
            moved.putInt(end, HeaderExtension.MOVED).putInt(end + 4, 4).putInt(end + 8, home);
            assertRefused(
                    "the header is damaged: its extensions were moved from offset %d, which is not a possible offset; restore the image from a copy"
                            .formatted(home),
                    moved,
                    ZonedLayout.V6);
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void smallerLastZoneIsConverted(ZonedLayout from, ZonedLayout to) throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(15 * MIB + (512 << 10), MIB, 768 << 10, 2, 0, 0);
        for (long pointer : new long[] {15 * MIB, 15 * MIB + 8192, 15 * MIB + (512 << 10), 16 * MIB}) {
            SparseImage file = new SparseImage();
            ImageFormatter.format(file, geometry, CLUSTER, from);
            long entry = from.pointersBigEndian() ? pointer : Long.reverseBytes(pointer);
            file.putLong(Images.pointers(file, from) + 8 * 15, entry);
            assertTrue(convert(file, to));
            assertEquals(geometry, open(file).geometry());
            long full = to.pointersBigEndian() ? 15 * MIB + (512 << 10) : 16 * MIB;
            assertEquals(
                    pointer < 15 * MIB + (512 << 10) ? pointer : full,
                    open(file).writePointers().get(15));
            assertClean(file);
        }
    }

    @Test
    void largestTableIsConverted() throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(1L << 40, MIB, MIB, 0, 0, 0);
        SparseImage file = new SparseImage();
        ImageFormatter.format(file, geometry, 64 << 10, ZonedLayout.V6);
        assertTrue(convert(file, ZonedLayout.BE44));
        assertEquals(1_048_575 * MIB, open(file).writePointers().get(1_048_575));
        assertClean(file);
    }

    /** Zones fail while the copy of the extensions is in use, which makes the copy longer than its original place. */
    @Test
    void copyInUseCanGrowBeforeTheConversionEnds() throws IOException {
        SparseImage file = used(ZonedLayout.V4);
        assertThrows(
                IOException.class,
                () -> convert(new CutShort(file, Barrier.CONVERSION_USE_BEFORE_REWRITE), ZonedLayout.V8));
        assertTrue(ExtensionSwitch.isCopyInUse(open(file).header()));
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        assertEquals(ZonedLayout.V4, image.layout());
        image.writeFailedZones(image.failedZones().with(9, 2, ZoneCondition.READ_ONLY));
        image.markClosed();
        assertTrue(convert(file, ZonedLayout.V8));
        assertFalse(ExtensionSwitch.isCopyInUse(open(file).header()));
        assertEquals(112, file.getInt(100));
        assertEquals(ZoneCondition.READ_ONLY, open(file).failedZones().condition(10));
        assertClean(file);
    }
}
