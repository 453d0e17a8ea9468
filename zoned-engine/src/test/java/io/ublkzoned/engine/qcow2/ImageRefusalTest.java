package io.ublkzoned.engine.qcow2;

import static io.ublkzoned.engine.qcow2.Images.ZONED;
import static io.ublkzoned.engine.qcow2.Images.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Images that cannot be used: each is refused with one sentence, and not a byte of it changes. */
class ImageRefusalTest {

    private static final String COPY = ": copy its data to an image made with ublk-zoned create";

    private static void assertRefusedBothWays(String sentence, SparseImage file) {
        assertRefused(sentence, file, Access.READ_ONLY);
        assertRefused(sentence, file, Access.READ_WRITE);
    }

    private static void assertRefusedForWriting(String sentence, SparseImage file) throws IOException {
        assertNotNull(Qcow2Image.open(file, Access.READ_ONLY));
        assertRefused(sentence, file, Access.READ_WRITE);
    }

    @Test
    void fileThatIsNotQcow2IsRefused() throws IOException {
        String sentence = "this is not a qcow2 image: create one with ublk-zoned create";
        assertRefusedBothWays(sentence, new SparseImage());
        assertRefusedBothWays(sentence, new SparseImage().putInt(0, 0x514649fb));
        assertRefusedBothWays(sentence, Images.image().putInt(0, 0x7f454c46));
    }

    @Test
    void version2IsRefused() throws IOException {
        assertRefusedBothWays(
                "this is a qcow2 image of version 2, and only version 3 can hold zones: create one with ublk-zoned create",
                Images.image().putInt(4, 2));
    }

    @Test
    void plainQcow2ImageIsRefused() throws IOException {
        assertRefusedBothWays(
                "this is a plain qcow2 image: create one with zones with ublk-zoned create",
                Images.image().putLong(Images.INCOMPATIBLE, 0).putInt(ZONED - 8, 0x12345678));
    }

    @Test
    void imageMarkedAsZonedWithoutTheExtensionIsRefused() throws IOException {
        assertRefusedBothWays(
                "the zoned header extension is damaged: it is missing, although the image is marked as zoned; restore the image from a copy",
                Images.image().putInt(ZONED - 8, 0x12345678));
    }

    @Test
    void extensionWithoutItsFeatureBitIsRefused() throws IOException {
        assertRefusedBothWays(
                "the zoned header extension is damaged: its layout is that of be44, but incompatible feature bit 5 is clear; restore the image from a copy",
                Images.image().putLong(Images.INCOMPATIBLE, 0));
    }

    @Test
    void unknownIncompatibleFeaturesAreNamedFromTheImagesOwnTable() throws IOException {
        SparseImage file = Images.image().putLong(Images.INCOMPATIBLE, 1L << 5 | 1L << 40);
        assertRefusedBothWays(
                "the image needs features that this version does not have (bit 40): use a newer ublk-zoned", file);
        // The entry for the dirty bit now names bit 40.
        assertRefusedBothWays(
                "the image needs features that this version does not have (dirty bit): use a newer ublk-zoned",
                file.putByte(121, 40));
        assertRefusedBothWays(
                "the image needs features that this version does not have (dir?y bit): use a newer ublk-zoned",
                file.putByte(125, 27));
    }

    @Test
    void corruptImageIsRefusedForWriting() throws IOException {
        assertRefusedForWriting(
                "the image is marked as corrupt and cannot be written to: run ublk-zoned check to see the damage",
                Images.image().putLong(Images.INCOMPATIBLE, 1 << 5 | 2));
    }

    @Test
    void seedDefect16ImageWithSnapshotsOrBackingFileIsRefusedForWriting() throws IOException {
        assertRefusedForWriting(
                "the image has snapshots, which share the clusters that the reset of a zone would free: copy its data to an image made with ublk-zoned create",
                Images.image().putInt(Images.SNAPSHOTS, 1));
        assertRefusedForWriting(
                "the image has a backing file, whose data would appear in reset zones: copy its data to an image made with ublk-zoned create",
                Images.image().putLong(8, 1024));
    }

    @Test
    void externalDataFileIsRefusedForWriting() throws IOException {
        assertRefusedForWriting(
                "the image keeps its data in an external data file, which this version does not open: copy its data to an image made with ublk-zoned create",
                Images.image().putLong(Images.INCOMPATIBLE, 1 << 5 | 4));
    }

    @Test
    void encryptedImageIsRefusedForWriting() throws IOException {
        assertRefusedForWriting(
                "the image is encrypted, and this version has no keys: copy its data to an image made with ublk-zoned create",
                Images.image().putInt(32, 2));
    }

    @Test
    void extendedL2EntriesAreRefusedForWriting() throws IOException {
        SparseImage file = Images.image().putLong(Images.INCOMPATIBLE, 1 << 5 | 16);
        assertRefusedForWriting(
                "the image has extended L2 entries, which this version does not read: copy its data to an image made with ublk-zoned create",
                file);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
        assertThrows(ImageFormatException.class, () -> image.readMapping(0, 1, new long[1]));
    }

    @Test
    void persistentBitmapsAreRefusedForWriting() throws IOException {
        assertRefusedForWriting(
                "the image has persistent bitmaps, which a write would make stale: copy its data to an image made with ublk-zoned create",
                Images.image().putInt(112, 0x23852875));
    }

    @Test
    void compressedClusterIsRefusedWhereItIsFound() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 8192);
        Images.map(file, 512, 2);
        file.putLong(Images.l2Entry(file, 513), 1L << 62 | 0x5000);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        ImageFormatException e = assertThrows(ImageFormatException.class, () -> image.readMapping(512, 2, new long[2]));
        assertEquals(
                "guest cluster 513 is compressed, which this version does not read: copy the data to an image made with ublk-zoned create",
                e.getMessage());
        file.putLong(Images.INCOMPATIBLE, 1 << 5 | 1);
        assertRefused(
                "guest cluster 513 is compressed, which this version does not read: copy the data to an image made with ublk-zoned create",
                file,
                Access.READ_WRITE);
        // A recovery that drops mappings past the write pointer does not free it either.
        file.putLong(Images.l2Entry(file, 513), 0).putLong(Images.l2Entry(file, 600), 1L << 62 | 0x5000);
        assertRefused(
                "guest cluster 600 is compressed, which this version does not read: copy the data to an image made with ublk-zoned create",
                file,
                Access.READ_WRITE);
    }

    @Test
    void brokenGeometryIsRefusedWithItsRule() throws IOException {
        assertRefusedBothWays(
                "the zone capacity 2M is larger than the zone size 1M" + COPY,
                Images.image().putLong(Images.ZONE_CAPACITY, 2 << 20));
        assertRefusedBothWays(
                "16 of the 16 zones would be conventional, and at least one has to be sequential" + COPY,
                Images.image().putInt(Images.CONVENTIONAL_ZONES, 16));
        assertRefusedBothWays(
                "the zone size 1049088 is not a power of two" + COPY,
                Images.image().putLong(Images.ZONE_SIZE, (1 << 20) + 512));
        assertRefusedBothWays(
                "the zone size 1M is not a multiple of the cluster size 2M" + COPY,
                Images.create(FormatOptions.ofSize(16 * Images.MIB)
                                .zoneSize(2 * Images.MIB)
                                .clusterSize(2 << 20))
                        .putLong(Images.ZONE_SIZE, 1 << 20)
                        .putLong(Images.ZONE_CAPACITY, 1 << 20)
                        .putInt(Images.ZONE_COUNT, 16));
    }

    @Test
    void seedDefect2TableSizeThatDisagreesWithTheZonesIsRefused() throws IOException {
        String sentence =
                "the zoned header extension is damaged: its 48 bytes agree with no known layout on a device of 16777216 bytes; restore the image from a copy";
        assertRefusedBothWays(sentence, v6().putLong(ZONED + 32, 8));
        assertRefusedBothWays(sentence, v6().putLong(ZONED + 32, Long.MAX_VALUE));
        assertRefusedBothWays(sentence, v6().putInt(ZONED + 16, 1));
        assertRefusedBothWays(sentence, v6().putInt(ZONED + 16, -1));
        assertRefusedBothWays(sentence, v6().putInt(ZONED + 4, 0));
    }

    private static SparseImage v6() throws IOException {
        return Images.create(Images.small().layout(ZonedLayout.V6));
    }

    @Test
    void deviceThatIsNotHostManagedIsRefused() throws IOException {
        assertRefusedBothWays(
                "the zoned header extension is damaged: it does not say that the device is host-managed; restore the image from a copy",
                Images.image().putByte(ZONED, 2));
    }

    @Test
    void seedDefect3ImpossibleWritePointerIsRefused() throws IOException {
        assertRefusedBothWays(
                "the write pointer of zone 2 is 2097151, outside of the zone: run ublk-zoned check",
                Images.image(2 * Images.MIB - 1));
        assertRefusedBothWays(
                "the write pointer of zone 2 is 3146240, outside of the zone: run ublk-zoned check",
                Images.image(3 * Images.MIB + 512));
        assertRefusedBothWays(
                "the write pointer of zone 2 is 9223372036854775807, outside of the zone: run ublk-zoned check",
                Images.image(Long.MAX_VALUE));
        assertRefusedBothWays(
                "the write pointer of zone 2 is 2097153, not a multiple of 512: run ublk-zoned check",
                Images.image(2 * Images.MIB + 1));
        SparseImage flagged = Images.image(2 * Images.MIB | Images.CONVENTIONAL);
        assertRefusedBothWays(
                "zone 2 is conventional in the write pointer table, but not in the header: run ublk-zoned check",
                flagged);
        SparseImage unflagged = Images.image();
        Images.setPointer(unflagged, 1, Images.MIB);
        assertRefusedBothWays(
                "zone 1 is sequential in the write pointer table, but not in the header: run ublk-zoned check",
                unflagged);
    }

    @Test
    void fieldsOfTheHeaderOutOfBoundsAreRefused() throws IOException {
        assertRefusedBothWays(
                "the header is damaged: cluster bits is 8, not in 9 to 21; restore the image from a copy",
                Images.image().putInt(20, 8));
        assertRefusedBothWays(
                "the header is damaged: cluster bits is 4294967295, not in 9 to 21; restore the image from a copy",
                Images.image().putInt(20, -1));
        assertRefusedBothWays(
                "the header is damaged: refcount order is 7, not in 0 to 6; restore the image from a copy",
                Images.image().putInt(96, 7));
        assertRefusedBothWays(
                "the header is damaged: header length is 113, not a multiple of 8; restore the image from a copy",
                Images.image().putInt(100, 113));
        assertRefusedBothWays(
                "the header extension 0x6803f857 says that it has 4294967295 bytes, more than its cluster has room for: the header is damaged, restore the image from a copy",
                Images.image().putInt(116, -1));
    }

    @Test
    void tablesOutOfBoundsAreRefused() throws IOException {
        String check = ": run ublk-zoned check to see all of the damage";
        assertRefusedBothWays(
                "the L1 table has 4294967295 entries, more than the maximum of 4194304" + check,
                Images.image().putInt(36, -1));
        assertRefusedBothWays(
                "the L1 table has 7 entries, and the device needs 8" + check,
                Images.image().putInt(36, 7));
        assertRefusedBothWays(
                "the L1 table cannot be at offset 4097, which is not that of a cluster" + check,
                Images.image().putLong(40, 4097));
        assertRefusedBothWays(
                "the file ends before the end of the L1 table, which is at offset 9223372036854771712" + check,
                Images.image().putLong(40, Long.MAX_VALUE - 4095));
        assertRefusedBothWays(
                "the refcount table has 2199023255040 entries, more than the maximum of 1048576" + check,
                Images.image().putInt(56, -1));
        assertRefusedBothWays(
                "the L1 table overlaps other metadata in host cluster 1" + check,
                Images.image().putLong(40, 4096));
        SparseImage shared = Images.image();
        long l1 = shared.getLong(40);
        shared.putLong(l1, shared.getLong(l1 + 8));
        assertRefusedBothWays(
                "the L2 table overlaps other metadata in host cluster %d"
                                .formatted((shared.getLong(l1) & Long.MAX_VALUE) / 4096)
                        + check,
                shared);
        assertRefusedBothWays(
                "entry 0 of the L1 table is 0x40000000, not the offset of a cluster within the file" + check,
                Images.image().putLong(l1, 0x40000000));
    }

    @Test
    void refcountThatIsSharedOrMissingIsRefusedForWriting() throws IOException {
        SparseImage file = Images.image();
        assertRefusedForWriting(
                "host cluster 0 is marked as shared by 2 owners, which a zoned image cannot have: run ublk-zoned check",
                file.copy().putLong(Images.refcount(file, 0), 0x0002_0001_0001_0001L));
        assertRefusedForWriting(
                "host cluster 1 holds metadata and is marked as free: run ublk-zoned check to see all of the damage",
                file.copy().putLong(Images.refcount(file, 0), 0x0001_0000_0001_0001L));
    }

    @Test
    void mappingThatPointsAtMetadataOrOutsideIsRefused() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 8192);
        for (long bad : new long[] {0x1000, 0x1_0000_0000_0000L, 0x1234_5600L, 1L << 56 | 0x100000, 2}) {
            file.putLong(Images.l2Entry(file, 512), bad);
            Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
            ImageFormatException e =
                    assertThrows(ImageFormatException.class, () -> image.readMapping(512, 1, new long[1]));
            assertEquals(
                    "the mapping of guest cluster 512 is damaged (%#x): run ublk-zoned check".formatted(bad),
                    e.getMessage());
            CheckResult result = ImageChecker.check(file);
            assertEquals(CheckResult.Status.CORRUPT, result.status());
        }
    }

    @Test
    void everyTruncationIsRefusedAndFoundByCheck() throws IOException {
        SparseImage whole = Images.image(2 * Images.MIB + 4096);
        long end = whole.sizeBytes();
        for (long size = 8; size < end; size = size < 1024 ? size + 8 : size + 512) {
            SparseImage file = whole.copy();
            file.setSize(size);
            for (Access access : Access.values()) {
                ImageFormatException e =
                        assertThrows(ImageFormatException.class, () -> Qcow2Image.open(file, access), "size " + size);
                assertTrue(
                        String.valueOf(e.getMessage()).contains("the file ends")
                                || String.valueOf(e.getMessage()).contains("within the file"),
                        e.getMessage());
            }
            CheckResult result = ImageChecker.check(file);
            assertEquals(CheckResult.Status.CORRUPT, result.status(), "size " + size);
        }
    }
}
