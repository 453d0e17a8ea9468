package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import org.junit.jupiter.api.Test;

class DeviceGeometryTest {

    private static final long MIB = 1L << 20;

    private static void assertBroken(
            String sentence, long size, long zoneSize, long capacity, int conventional, int open, int active) {
        GeometryException e = assertThrows(
                GeometryException.class,
                () -> new DeviceGeometry(size, zoneSize, capacity, conventional, open, active));
        assertEquals(sentence, e.getMessage());
    }

    @Test
    void zonesAreFoundByAddressAndNumberPastFourGibibytes() {
        DeviceGeometry geometry = new DeviceGeometry(1L << 40, 256 * MIB, 200 * MIB, 2, 0, 0);
        assertEquals(4096, geometry.zoneCount());
        assertEquals(4095L << 28, geometry.zoneStart(4095));
        assertEquals(4095, geometry.zoneIndex((1L << 40) - 1));
        assertTrue(geometry.isConventional(1));
        assertFalse(geometry.isConventional(2));
    }

    @Test
    void smallerLastZoneHasTheCapacityThatLiesWithinIt() {
        DeviceGeometry geometry = new DeviceGeometry(200 * MIB, 64 * MIB, 48 * MIB, 1, 0, 0);
        assertEquals(4, geometry.zoneCount());
        assertEquals(64 * MIB, geometry.zoneLengthBytes(0));
        assertEquals(64 * MIB, geometry.zoneCapacityBytes(0));
        assertEquals(48 * MIB, geometry.zoneCapacityBytes(2));
        assertEquals(8 * MIB, geometry.zoneLengthBytes(3));
        assertEquals(8 * MIB, geometry.zoneCapacityBytes(3));
        assertEquals(3, geometry.zoneIndex(200 * MIB - 1));
        DeviceGeometry larger = new DeviceGeometry(248 * MIB, 64 * MIB, 48 * MIB, 0, 0, 0);
        assertEquals(56 * MIB, larger.zoneLengthBytes(3));
        assertEquals(48 * MIB, larger.zoneCapacityBytes(3));
        DeviceGeometry huge = new DeviceGeometry(Long.MAX_VALUE - 511, 1L << 62, 1L << 62, 0, 0, 0);
        assertEquals(2, huge.zoneCount());
        assertEquals((1L << 62) - 512, huge.zoneLengthBytes(1));
    }

    @Test
    void sizeWithAPartialSectorIsRefused() {
        assertBroken("the device size 1048577 is not a multiple of 512 bytes", MIB + 1, MIB, MIB, 0, 0, 0);
    }

    private static void assertNotAttachable(String sentence, long size, long zoneSize, int clusterSize) {
        DeviceGeometry geometry = new DeviceGeometry(size, zoneSize, zoneSize, 0, 0, 0);
        GeometryException e = assertThrows(GeometryException.class, () -> geometry.requireAttachable(clusterSize));
        assertEquals(sentence, e.getMessage());
        assertTrue(sentence.startsWith(e.rule() + ": use "), e.rule());
    }

    @Test
    void deviceWithASmallerLastZoneIsNotAttachedAndTheTwoNearestSizesAreNamed() {
        assertNotAttachable(
                "the device size 1000000000 is not a whole number of zones of 64M: use 896M or 960M",
                1_000_000_000,
                64 * MIB,
                64 << 10);
        assertNotAttachable(
                "the device size 100M is not a whole number of zones of 256M: use 256M",
                100 * MIB,
                256 * MIB,
                64 << 10);
    }

    @Test
    void moreZonesThanAReportHoldsAreNotAttached() {
        assertNotAttachable(
                "the device has 1048576 zones, and a zone report holds 524288 at most: use zones of 2M or more",
                1L << 40,
                MIB,
                64 << 10);
        new DeviceGeometry(1L << 40, 2 * MIB, 2 * MIB, 0, 0, 0).requireAttachable(64 << 10);
    }

    @Test
    void zonesOfTwoTebibytesAreNotAttached() {
        assertNotAttachable(
                "the zone size 2T is more sectors than Linux counts in 32 bits: use 1T or less",
                8L << 40,
                2L << 40,
                2 << 20);
        new DeviceGeometry(8L << 40, 1L << 40, 1L << 40, 0, 0, 0).requireAttachable(2 << 20);
    }

    @Test
    void zonesOfMoreClustersThanAMapHoldsAreNotAttached() {
        assertNotAttachable(
                "the zone size 32G is more than 4194304 clusters of 4K: use smaller zones or larger clusters",
                1L << 40,
                1L << 35,
                4 << 10);
        new DeviceGeometry(1L << 40, 1L << 35, 1L << 35, 0, 0, 0).requireAttachable(8 << 10);
    }

    @Test
    void zoneSizeOtherThanAPowerOfTwoIsRefused() {
        assertBroken("the zone size 3M is not a power of two: use 2M or 4M", 12 * MIB, 3 * MIB, 3 * MIB, 0, 0, 0);
        assertBroken("the zone size 0 is not a power of two: use 512 or more", MIB, 0, 0, 0, 0, 0);
        assertBroken("the zone size -1 is not a power of two: use 512 or more", MIB, -1, 0, 0, 0, 0);
    }

    @Test
    void moreZonesThanATableHoldsAreRefused() {
        assertBroken(
                "the device has 1048577 zones, and an image holds 1048576 at most: use zones of 4M or more",
                (1L << 40) + 512,
                MIB,
                MIB,
                0,
                0,
                0);
        assertEquals(1 << 20, new DeviceGeometry(1L << 40, MIB, MIB, 0, 0, 0).zoneCount());
        assertBroken(
                "the device has 18014398509481983 zones, and an image holds 1048576 at most: use zones of 16T or more",
                Long.MAX_VALUE - 511,
                512,
                512,
                0,
                0,
                0);
    }

    @Test
    void capacityOutsideOfTheZoneIsRefused() {
        assertBroken(
                "the zone capacity 3M is larger than the zone size 2M: use 2M or less",
                8 * MIB,
                2 * MIB,
                3 * MIB,
                0,
                0,
                0);
        assertBroken("the zone capacity 0 is not a positive multiple of 512 bytes", 8 * MIB, 2 * MIB, 0, 0, 0, 0);
        assertBroken("the zone capacity 1000 is not a positive multiple of 512 bytes", 8 * MIB, MIB, 1000, 0, 0, 0);
    }

    @Test
    void deviceWithoutSequentialZonesIsRefused() {
        assertBroken(
                "8 of the 8 zones would be conventional, and at least one has to be sequential: use 7 or less",
                8 * MIB,
                MIB,
                MIB,
                8,
                0,
                0);
        assertBroken(
                "4294967295 of the 8 zones would be conventional, and at least one has to be sequential: use 7 or less",
                8 * MIB,
                MIB,
                MIB,
                -1,
                0,
                0);
    }

    @Test
    void impossibleLimitsAreRefused() {
        assertBroken(
                "the limit of 9 open zones is over the number of zones: use 8 or less, or 0 for no limit",
                8 * MIB,
                MIB,
                MIB,
                0,
                9,
                0);
        assertBroken(
                "the limit of 9 active zones is over the number of zones: use 8 or less, or 0 for no limit",
                8 * MIB,
                MIB,
                MIB,
                0,
                0,
                9);
        assertBroken(
                "the limit of 4 open zones is over the limit of 3 active zones: an open zone is active, use 3 or less",
                8 * MIB,
                MIB,
                MIB,
                0,
                4,
                3);
        assertEquals(4, new DeviceGeometry(8 * MIB, MIB, MIB, 0, 4, 0).maxOpenZones());
    }

    @Test
    void zonesOfPartialClustersAreRefused() {
        DeviceGeometry geometry = new DeviceGeometry(8 * MIB, MIB, MIB, 0, 0, 0);
        geometry.requireClusterSize(1 << 20);
        GeometryException e = assertThrows(GeometryException.class, () -> geometry.requireClusterSize(2 << 20));
        assertEquals(
                "the zone size 1M is not a multiple of the cluster size 2M: use larger zones or smaller clusters",
                e.getMessage());
    }

    @Test
    void deviceWithoutSizeIsRefused() {
        assertBroken("the device size 0 is not positive", 0, MIB, MIB, 0, 0, 0);
        assertBroken("the device size -1 is not positive", -1, MIB, MIB, 0, 0, 0);
    }
}
