package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Images of devices that the format allows and ublk does not serve. They are read and checked, but not attached. */
class UnattachableImageTest {

    private static final long MIB = Images.MIB;
    private static final int CLUSTER = 4096;
    private static final long CAPACITY = 768 << 10;

    /**
     * Creates an image of 16 zones of 1 MiB with 768 KiB of capacity, two of them conventional. The last zone is
     * shorter than 1 MiB.
     */
    private static SparseImage withLastZoneOf(long lastZoneBytes, ZonedLayout layout) throws IOException {
        return image(new DeviceGeometry(15 * MIB + lastZoneBytes, MIB, CAPACITY, 2, 0, 0), CLUSTER, layout);
    }

    private static SparseImage image(DeviceGeometry geometry, int clusterSize, ZonedLayout layout) throws IOException {
        SparseImage file = new SparseImage();
        ImageFormatter.format(file, geometry, clusterSize, layout);
        return file;
    }

    private static void assertReadableOnly(String rule, SparseImage file, DeviceGeometry geometry) throws IOException {
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        assertEquals(geometry, Qcow2Image.open(file, Access.READ_ONLY).geometry());
        Images.assertRefused(
                "the image cannot be attached: " + rule + "; copy its data to an image made with ublk-zoned create",
                file,
                Access.READ_WRITE);
    }

    private static void setPointer(SparseImage file, ZonedLayout layout, int zone, long pointer) throws IOException {
        long entry = layout.pointersBigEndian() ? pointer : Long.reverseBytes(pointer);
        file.putLong(Images.pointers(file, layout) + 8L * zone, entry);
    }

    private static Zone lastZone(SparseImage file) throws IOException {
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
        return new ZoneTable(image.geometry(), image.writePointers()::get, image.failedZones()::condition).zone(15);
    }

    @ParameterizedTest
    @EnumSource
    void smallerLastZoneIsRead(ZonedLayout layout) throws IOException {
        SparseImage file = withLastZoneOf(512 << 10, layout);
        assertReadableOnly(
                "the device size 15872K is not a whole number of zones of 1M",
                file,
                new DeviceGeometry(15 * MIB + (512 << 10), MIB, CAPACITY, 2, 0, 0));

        Zone empty = lastZone(file);
        assertEquals(ZoneCondition.EMPTY, empty.condition());
        assertEquals(512 << 10, empty.capacityBytes());
        assertEquals(15 * MIB + (512 << 10), empty.endBytes());
        setPointer(file, layout, 15, 15 * MIB + (300 << 10));
        assertEquals(ZoneCondition.CLOSED, lastZone(file).condition());
    }

    /** The last zone was filled to its own end, or finished like a whole zone. */
    @ParameterizedTest
    @EnumSource
    void smallerLastZoneIsFullFromItsOwnEndOn(ZonedLayout layout) throws IOException {
        for (long lastZoneBytes : new long[] {CLUSTER, 512 << 10, 960 << 10}) {
            SparseImage file = withLastZoneOf(lastZoneBytes, layout);
            long capacityEnd = 15 * MIB + Math.min(CAPACITY, lastZoneBytes);
            for (long pointer : new long[] {capacityEnd, 15 * MIB + lastZoneBytes, 16 * MIB}) {
                setPointer(file, layout, 15, pointer);
                assertEquals(ZoneCondition.FULL, lastZone(file).condition());
                assertEquals(15 * MIB + lastZoneBytes, lastZone(file).writePointerBytes());
                WritePointerTable pointers =
                        Qcow2Image.open(file, Access.READ_ONLY).writePointers();
                assertFalse(pointers.isPastData(capacityEnd - 1));
            }
            setPointer(file, layout, 15, capacityEnd - 512);
            assertEquals(ZoneCondition.CLOSED, lastZone(file).condition());
        }
    }

    @Test
    void smallerLastZoneMayBeConventional() throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(3 * MIB / 2, MIB, MIB, 1, 0, 0);
        assertReadableOnly(
                "the device size 1536K is not a whole number of zones of 1M",
                image(geometry, CLUSTER, ZonedLayout.BE44),
                geometry);
    }

    @Test
    void mappingPastASmallerLastZonesWritePointerIsFoundAndRepaired() throws IOException {
        SparseImage file = withLastZoneOf(512 << 10, ZonedLayout.BE44);
        long end = file.sizeBytes();
        file.setSize(end + CLUSTER);
        file.putLong(Images.l2Entry(file, 15 * 256 + 1), end | 1L << 63);
        file.putByte(Images.refcount(file, end / CLUSTER) + 1, 1);
        assertEquals(CheckResult.Status.LEAKS, ImageChecker.check(file).status());
        SparseImage written = file.copy();
        Images.setPointer(written, 15, 15 * MIB + 2 * CLUSTER);
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(written).status());

        RepairResult result =
                ImageRepair.repair(file, RepairExtent.LEAKS, (offset, oldWord, newWord) -> {}, CheckProgress.UNSEEN);
        assertEquals(CheckResult.Status.CLEAN, result.after().status());
        assertEquals(0, file.getLong(Images.l2Entry(file, 15 * 256 + 1)));
    }

    @Test
    void writePointerOfASmallerLastZoneIsRepairedOnlyUpToItsEnd() throws IOException {
        for (int clusters : new int[] {3, 4}) {
            SparseImage file = withLastZoneOf(3 * CLUSTER, ZonedLayout.BE44);
            long end = file.sizeBytes();
            file.setSize(end + (long) clusters * CLUSTER);
            for (int i = 0; i < clusters; i++) {
                file.putLong(Images.l2Entry(file, 15 * 256 + i), (end + (long) i * CLUSTER) | 1L << 63);
                file.putByte(Images.refcount(file, end / CLUSTER + i) + 1, 1);
            }
            long pointer = 15 * MIB + (long) clusters * CLUSTER - 511;
            Images.setPointer(file, 15, pointer);
            RepairResult result =
                    ImageRepair.repair(file, RepairExtent.ALL, (offset, oldWord, newWord) -> {}, CheckProgress.UNSEEN);
            boolean fits = clusters == 3;
            assertEquals(
                    fits ? CheckResult.Status.CLEAN : CheckResult.Status.CORRUPT,
                    result.after().status());
            assertEquals(fits ? pointer - pointer % 512 : pointer, file.getLong(Images.pointers(file) + 15 * 8));
        }
    }

    @ParameterizedTest
    @EnumSource
    void moreZonesThanAReportHoldsAreRead(ZonedLayout layout) throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(1L << 40, MIB, MIB, 0, 0, 0);
        SparseImage file = image(geometry, 64 << 10, layout);
        assertReadableOnly("the device has 1048576 zones, and a zone report holds 524288 at most", file, geometry);
        WritePointerTable pointers = Qcow2Image.open(file, Access.READ_ONLY).writePointers();
        assertEquals(1_048_575 * MIB, pointers.get(1_048_575));
    }

    @Test
    void moreZonesThanATableHoldsAreRefused() throws IOException {
        SparseImage file = Images.image().putLong(24, (1L << 40) + MIB).putInt(Images.ZONE_COUNT, (1 << 20) + 1);
        Images.assertRefused(
                "the device has 1048577 zones, and an image holds 1048576 at most: copy its data to an image made with ublk-zoned create",
                file,
                Access.READ_ONLY);
    }

    @Test
    void zonesOfMoreClustersThanAMapHoldsAreRead() throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(1L << 37, 1L << 35, 1L << 35, 0, 0, 0);
        SparseImage file = image(geometry, CLUSTER, ZonedLayout.BE44);
        assertReadableOnly("the zone size 32G is more than 4194304 clusters of 4K", file, geometry);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
        long[] found = new long[1000];
        image.readMapping((1L << 25) - 1000, 1000, found);
        assertTrue(found[999] == -1);
    }

    @Test
    void zonesOfTwoTebibytesAreRead() throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(8L << 40, 2L << 40, 2L << 40, 0, 0, 0);
        assertReadableOnly(
                "the zone size 2T is more sectors than Linux counts in 32 bits",
                image(geometry, 2 << 20, ZonedLayout.BE44),
                geometry);
    }
}
