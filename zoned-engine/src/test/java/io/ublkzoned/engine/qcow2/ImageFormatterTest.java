package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class ImageFormatterTest {

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replaceAll("\\s", ""));
    }

    @Test
    void headerIsByteForByteThatOfThePublishedLayout() throws IOException {
        SparseImage file = Images.create(FormatOptions.ofSize(4 * Images.GIB)
                .zoneSize(64 * Images.MIB)
                .capacity(48 * Images.MIB)
                .conventionalZones(8)
                .maxOpenZones(10)
                .maxActiveZones(12));
        assertArrayEquals(
                hex("514649fb 00000003 0000000000000000 00000000 00000010 0000000100000000 00000000 00000008"
                        + "0000000000020000 0000000000010000 00000001 00000000 0000000000000000"
                        + "0000000000000020 0000000000000000 4000000000000000 00000004 00000070 0000000000000000"
                        + "6803f857 000001b0"),
                file.bytes(0, 120));
        assertArrayEquals(
                hex("007a6264 0000002c 01000000 00000040 0000000004000000 0000000003000000 0000000000030000"
                        + "00000008 0000000c 0000000a 00000000"
                        + "755a6964 00000018 00000000000000000000000000000000 0000000000000000 0000000000000000"),
                file.bytes(Images.ZONED - 8, 96));
    }

    @Test
    void featureTableNamesTheZonedBit() throws IOException {
        SparseImage file = Images.image();
        byte[] entry = file.bytes(120 + 5 * 48, 48);
        assertEquals(0, entry[0]);
        assertEquals(5, entry[1]);
        assertEquals("zoned format", new String(entry, 2, 46, StandardCharsets.US_ASCII).trim());
    }

    @Test
    void defaultsAreThoseOfTheFormat() {
        FormatOptions options = FormatOptions.ofSize(Images.GIB).build();
        assertEquals(new DeviceGeometry(Images.GIB, 256 * Images.MIB, 256 * Images.MIB, 0, 0, 0), options.geometry());
        assertEquals(64 << 10, options.clusterSizeBytes());
        assertEquals(ZonedLayout.BE44, options.layout());
    }

    @Test
    void seedDefect11ActiveLimitAloneLimitsOpenZonesToo() throws IOException {
        DeviceGeometry both =
                FormatOptions.ofSize(Images.GIB).maxActiveZones(3).build().geometry();
        assertEquals(3, both.maxOpenZones());
        assertEquals(3, both.maxActiveZones());
    }

    @Test
    void seedDefect11OpenAndActiveLimitAreStoredEachInItsPlace() throws IOException {
        SparseImage file = Images.create(Images.small().maxOpenZones(3).maxActiveZones(5));
        DeviceGeometry geometry = Qcow2Image.open(file, Access.READ_ONLY).geometry();
        assertEquals(3, geometry.maxOpenZones());
        assertEquals(5, geometry.maxActiveZones());
        SparseImage openOnly = Images.create(Images.small().maxOpenZones(3));
        assertEquals(3, Qcow2Image.open(openOnly, Access.READ_ONLY).geometry().maxOpenZones());
    }

    @Test
    void seedDefect10MoreConventionalZonesThanZonesAreRefused() {
        GeometryException e = assertThrows(
                GeometryException.class,
                () -> Images.small().conventionalZones(17).build());
        assertEquals(
                "17 of the 16 zones would be conventional, and at least one has to be sequential: use 15 or less",
                e.getMessage());
    }

    @Test
    void seedDefect9FailedCreateIsNoImageWhereverItFails() throws IOException {
        FormatOptions options = Images.small().build();
        for (int writes = 0; ; writes++) {
            SparseImage file = new SparseImage();
            file.writesUntilFailure = writes;
            try {
                ImageFormatter.format(file, options);
            } catch (IOException e) {
                Images.assertRefused(
                        "this is not a qcow2 image: create one with ublk-zoned create", file, Access.READ_WRITE);
                continue;
            }
            assertTrue(writes >= 4, "format wrote %d times only".formatted(writes));
            Qcow2Image.open(file, Access.READ_WRITE);
            return;
        }
    }

    @Test
    void seedDefect12ImageWithDefaultsOnlyIsZoned() throws IOException {
        SparseImage file = Images.create(FormatOptions.ofSize(Images.GIB));
        assertEquals(4, Qcow2Image.open(file, Access.READ_WRITE).geometry().zoneCount());
    }

    @Test
    void formatDiscardsTheContentsOfTheFile() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 4096);
        Images.map(file, 512, 100);
        ImageFormatter.format(file, Images.small().build());
        assertTrue(file.sameBytes(Images.image()));
    }

    @Test
    void newImagesOfAllClusterSizesAreCleanAndComplete() throws IOException {
        for (int clusterSize = 4 << 10; clusterSize <= 2 << 20; clusterSize *= 2) {
            SparseImage file = Images.create(
                    FormatOptions.ofSize(Images.GIB).zoneSize(4 * Images.MIB).clusterSize(clusterSize));
            SparseImage before = file.copy();
            Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
            assertEquals(clusterSize, image.clusterSizeBytes());
            assertTrue(file.sameBytes(before), "opening wrote to the file");
            CheckResult result = ImageChecker.check(file);
            assertEquals(
                    CheckResult.Status.CLEAN, result.status(), result.findings().toString());
            assertEquals(file.sizeBytes(), result.imageEndBytes());
        }
    }

    @Test
    void zonesPastFourGibibytesHaveTheirOwnWritePointers() throws IOException {
        SparseImage file = Images.create(FormatOptions.ofSize(64 * Images.GIB)
                .zoneSize(2 * Images.GIB)
                .conventionalZones(1)
                .clusterSize(1 << 20));
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        for (int zone = 0; zone < 32; zone++) {
            assertEquals(zone * 2L * Images.GIB, image.writePointers().get(zone));
        }
        long pointer = 31 * 2 * Images.GIB + 4096;
        image.writePointers().set(31, pointer);
        assertTrue(image.writePointers().writeDirtyPages(file));
        assertEquals(
                pointer, Qcow2Image.open(file, Access.READ_ONLY).writePointers().get(31));
        long guestCluster = 31L * 2048 + 2047;
        long host = Images.map(file, guestCluster, 1);
        long[] found = new long[1];
        Qcow2Image.open(file, Access.READ_WRITE).readMapping(guestCluster, 1, found);
        assertEquals(host, found[0]);
    }

    @Test
    void largestImageIsPlannedWithinTheLimitsOfOtherReaders() {
        FormatOptions options =
                FormatOptions.ofSize(128L << 40).zoneSize(2 * Images.GIB).build();
        HostLayout plan = HostLayout.plan(options.geometry(), 16, 4);
        assertEquals(65536, options.geometry().zoneCount());
        assertTrue((long) plan.refcountBlocks() * 32768 >= plan.hostClusters());
        assertTrue(plan.hostClusters() > (128L << 40) / 65536);
    }

    @Test
    void deviceThatIsTooLargeForItsClustersIsRefused() {
        GeometryException e = assertThrows(
                GeometryException.class,
                () -> FormatOptions.ofSize(128L << 40)
                        .zoneSize(2 * Images.GIB)
                        .clusterSize(4096)
                        .build());
        assertEquals("the device is too large for clusters of 4096 bytes: use larger clusters", e.getMessage());
    }

    @Test
    void zoneSizeThatTheHeaderHasNoRoomForIsRefused() {
        GeometryException e = assertThrows(
                GeometryException.class,
                () -> FormatOptions.ofSize(16 * Images.GIB)
                        .zoneSize(4 * Images.GIB)
                        .layout(ZonedLayout.V6)
                        .build());
        assertEquals(
                "the zone size 4294967296 does not fit layout v6, which has 32 bits for it: use layout v8 or a later one, or zones of 2G or less",
                e.getMessage());
    }

    @Test
    void clusterSizeOutOfRangeIsRefused() {
        for (int size : new int[] {0, -4096, 2048, 5000, 4 << 20}) {
            GeometryException e = assertThrows(
                    GeometryException.class,
                    () -> Images.small().clusterSize(size).build());
            assertEquals("the cluster size %d is not a power of two from 4K to 2M".formatted(size), e.getMessage());
        }
    }
}
