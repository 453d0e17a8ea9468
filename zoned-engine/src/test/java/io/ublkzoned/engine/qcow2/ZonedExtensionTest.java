package io.ublkzoned.engine.qcow2;

import static io.ublkzoned.engine.qcow2.Images.GIB;
import static io.ublkzoned.engine.qcow2.Images.MIB;
import static io.ublkzoned.engine.qcow2.Images.ZONED;
import static io.ublkzoned.engine.qcow2.Images.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The detection of the layouts, and the handling of fields that their readers interpret differently. */
class ZonedExtensionTest {

    private static final int LENGTH = ZONED - 4;

    private static SparseImage image(ZonedLayout layout) throws IOException {
        return Images.create(Images.small().layout(layout));
    }

    /** Gives the extension this many bytes, with nonzero bytes behind the known fields. */
    private static SparseImage lengthened(ZonedLayout layout, int length) throws IOException {
        SparseImage file = image(layout).putInt(LENGTH, length);
        for (int at = layout.lengthBytes(); at < length; at++) {
            file.putByte(ZONED + at, 0x11);
        }
        return file;
    }

    private static void assertDamaged(String how, SparseImage file) {
        assertRefused(
                "the zoned header extension is damaged: " + how + "; restore the image from a copy",
                file,
                Access.READ_ONLY);
    }

    @ParameterizedTest
    @EnumSource
    void longerExtensionIsReadByItsKnownPartAndKept(ZonedLayout layout) throws IOException {
        for (int length : new int[] {60, 64, 200}) {
            SparseImage file = lengthened(layout, length);
            byte[] extension = file.bytes(ZONED - 8, 8 + length);
            Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
            assertEquals(layout, image.layout());
            assertEquals(16, image.geometry().zoneCount());
            image.markInUse(Images.ATTACH);
            image.markClosed();
            assertArrayEquals(extension, file.bytes(ZONED - 8, 8 + length));
        }
    }

    @Test
    void extensionThatIsTooShortIsDamaged() throws IOException {
        for (int length : new int[] {1, 8, 40, 43}) {
            assertDamaged(
                    "its %d bytes agree with no known layout on a device of 16777216 bytes".formatted(length),
                    image(ZonedLayout.BE44).putInt(LENGTH, length));
        }
    }

    @Test
    void extensionThatFitsTwoLayoutsIsRefused() throws IOException {
        // The bytes that layout be48 reads as two limits of 0 and 0x2000 zones are the offset of the table for be44.
        SparseImage file =
                lengthened(ZonedLayout.BE48, 64).putInt(ZONED + 24, 0).putInt(ZONED + 28, 0x2000);
        assertDamaged("it can be read as layout be48 and as be44", file);
    }

    @Test
    void featureBitTellsV4FromV6WhenTheTablesSizeIsItsOffset() throws IOException {
        // 512 zones have a table of 4096 bytes. The refcount table that was there moves elsewhere.
        for (ZonedLayout layout : new ZonedLayout[] {ZonedLayout.V4, ZonedLayout.V6}) {
            SparseImage file = Images.create(FormatOptions.ofSize(512 * MIB)
                    .zoneSize(MIB)
                    .clusterSize(4096)
                    .layout(layout));
            long end = file.sizeBytes();
            long pointers = file.getLong(ZONED + (layout == ZonedLayout.V4 ? 32 : 40));
            for (int at = 0; at < 4096; at += 8) {
                long refcounts = file.getLong(4096 + at);
                file.putLong(end + at, refcounts).putLong(4096 + at, file.getLong(pointers + at));
            }
            file.putLong(Images.REFCOUNT_TABLE_OFFSET, end);
            file.putLong(ZONED + 32, 4096).putLong(ZONED + 40, 4096);
            assertEquals(layout, Qcow2Image.open(file, Access.READ_ONLY).layout());
        }
    }

    @Test
    void featureBitThatDoesNotBelongToTheLayoutIsRefused() throws IOException {
        assertDamaged(
                "its layout is that of v4, but incompatible feature bit 5 is set",
                image(ZonedLayout.V4).putLong(Images.INCOMPATIBLE, 1 << 5));
        for (ZonedLayout layout : new ZonedLayout[] {ZonedLayout.V8, ZonedLayout.BE48, ZonedLayout.BE44}) {
            assertDamaged(
                    "its layout is that of %s, but incompatible feature bit 5 is clear".formatted(layout.label()),
                    image(layout).putLong(Images.INCOMPATIBLE, 0));
        }
    }

    private static void assertLimits(int open, int active, SparseImage file) throws IOException {
        DeviceGeometry geometry = Qcow2Image.open(file, Access.READ_WRITE).geometry();
        assertEquals(open, geometry.maxOpenZones());
        assertEquals(active, geometry.maxActiveZones());
    }

    @Test
    void limitsAboveTheMaximumAreLoweredAsTheSeedsDid() throws IOException {
        int active = Images.MAX_ACTIVE_ZONES;
        int open = Images.MAX_OPEN_ZONES;
        assertLimits(0, 16, Images.image().putInt(active, 17));
        assertLimits(16, 0, Images.image().putInt(open, 17));
        assertLimits(16, 16, Images.image().putInt(active, -1).putInt(open, -1));
        assertLimits(5, 5, Images.image().putInt(active, 5).putInt(open, 7));
        assertLimits(7, 0, Images.image().putInt(open, 7));
    }

    @Test
    void loweredLimitsStayUnchangedInTheFile() throws IOException {
        SparseImage file = Images.image().putInt(Images.MAX_ACTIVE_ZONES, 99).putInt(Images.MAX_OPEN_ZONES, 98);
        byte[] extension = file.bytes(ZONED - 8, 56);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        image.markClosed();
        assertArrayEquals(extension, file.bytes(ZONED - 8, 56));
    }

    @Test
    void zonesOfFourGibibytesFitTheLayoutsWithRoomForThem() throws IOException {
        FormatOptions.Builder options = FormatOptions.ofSize(64 * GIB).zoneSize(4 * GIB);
        for (ZonedLayout layout : new ZonedLayout[] {ZonedLayout.V8, ZonedLayout.BE48, ZonedLayout.BE44}) {
            SparseImage file = Images.create(options.layout(layout));
            assertEquals(
                    4 * GIB, Qcow2Image.open(file, Access.READ_ONLY).geometry().zoneSizeBytes());
        }
        GeometryException e = assertThrows(
                GeometryException.class, () -> options.layout(ZonedLayout.V4).build());
        assertEquals(
                "the zone size 4294967296 does not fit layout v4, which has 32 bits for it: use layout v8 or a later one, or zones of 2G or less",
                e.getMessage());
    }

    @Test
    void deviceWithAmbiguousByteOrderIsNotCreated() throws IOException {
        GeometryException e = assertThrows(
                GeometryException.class,
                () -> FormatOptions.ofSize(12 * GIB)
                        .zoneSize(4 * GIB)
                        .layout(ZonedLayout.V8)
                        .build());
        assertEquals(
                "the write pointers of 3 zones of 4294967296 bytes can be valid in both byte orders: use 4 zones or more",
                e.getMessage());
        Images.create(FormatOptions.ofSize(2 * GIB).zoneSize(2 * GIB).layout(ZonedLayout.V8));
    }
}
