package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class ImageCheckerTest {

    /** Creates an image in which ten clusters of zone 2 are in use, all below its write pointer. */
    private static SparseImage used() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 40960);
        Images.map(file, 512, 10);
        return file;
    }

    private static void assertFound(CheckResult.Status status, String sentence, SparseImage file) throws IOException {
        SparseImage before = file.copy();
        CheckResult result = ImageChecker.check(file);
        assertEquals(status, result.status());
        assertTrue(result.findings().contains(sentence), result.findings().toString());
        assertTrue(file.sameBytes(before), "the check wrote to the file");
    }

    private static void assertCorrupt(String sentence, SparseImage file) throws IOException {
        assertFound(CheckResult.Status.CORRUPT, sentence, file);
    }

    @Test
    void imageInUseIsClean() throws IOException {
        SparseImage file = used();
        assertEquals(
                new CheckResult(CheckResult.Status.CLEAN, false, true, 0, 0, 10, 4096, file.sizeBytes(), List.of(), 0),
                ImageChecker.check(file));
    }

    @Test
    void leakedClustersAreCountedAndNamedAsOneRange() throws IOException {
        SparseImage file = used();
        long end = file.sizeBytes() / 4096;
        file.putLong(Images.refcount(file, end), 0x0001_0001_0001_0000L);
        assertFound(
                CheckResult.Status.LEAKS,
                "each of the host clusters %d to %d is marked for more owners than it has".formatted(end, end + 2),
                file);
        assertEquals(3, ImageChecker.check(file).leaks());
    }

    @Test
    void refcountThatIsTooLowIsCorruption() throws IOException {
        SparseImage file = used();
        long host = (file.getLong(Images.l2Entry(file, 512)) & Long.MAX_VALUE) >> 12;
        file.putByte(Images.refcount(file, host) + 1, 0);
        assertCorrupt("host cluster %d is in use but marked as free".formatted(host), file);
        assertEquals(1, ImageChecker.check(file).corruptions());
    }

    @Test
    void refcountThatIsTooHighIsALeak() throws IOException {
        SparseImage file = used();
        file.putByte(Images.refcount(file, 0) + 1, 2);
        assertFound(CheckResult.Status.LEAKS, "host cluster 0 is marked for more owners than it has", file);
    }

    @Test
    void missingRefcountBlockMakesAllItsClustersCorrupt() throws IOException {
        SparseImage file = used();
        file.putLong(file.getLong(Images.REFCOUNT_TABLE_OFFSET), 0);
        CheckResult result = ImageChecker.check(file);
        assertEquals(CheckResult.Status.CORRUPT, result.status());
        // All used clusters except the block itself, which nothing refers to now.
        assertEquals(file.sizeBytes() / 4096 - 1, result.corruptions());
    }

    @Test
    void clusterWithTwoOwnersIsCorruption() throws IOException {
        SparseImage file = used();
        long entry = file.getLong(Images.l2Entry(file, 512));
        file.putLong(Images.l2Entry(file, 513), entry);
        long host = (entry & Long.MAX_VALUE) >> 12;
        assertCorrupt(
                "guest cluster 513 is mapped to host cluster %d, which is in use for something else".formatted(host),
                file);
        assertCorrupt(
                "guest cluster 512 is mapped to host cluster 1, which is in use for something else",
                used().putLong(Images.l2Entry(file, 512), 4096 | 1L << 63));
    }

    @Test
    void mappingOutsideOfTheFileIsCorruption() throws IOException {
        SparseImage file = used();
        long end = file.sizeBytes();
        file.putLong(Images.l2Entry(file, 512), end | 1L << 63);
        assertCorrupt(
                "guest cluster 512 is mapped to host cluster %d, outside of the file".formatted(end / 4096), file);
    }

    @Test
    void invalidMappingIsCorruption() throws IOException {
        SparseImage file = used();
        file.putLong(Images.l2Entry(file, 512), 1L << 63 | 0x200);
        assertCorrupt("the mapping of guest cluster 512 is 0x8000000000000200, which is not a valid mapping", file);
    }

    @Test
    void mappingWithoutTheOwnerFlagIsCorruption() throws IOException {
        SparseImage file = used();
        long entry = file.getLong(Images.l2Entry(file, 512));
        file.putLong(Images.l2Entry(file, 512), entry & Long.MAX_VALUE);
        assertCorrupt(
                "guest cluster 512 is not marked as the only owner of host cluster %d"
                        .formatted((entry & Long.MAX_VALUE) >> 12),
                file);
    }

    @Test
    void spacePastAWritePointerIsALeakOnlyInAClosedImage() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 2, 2 * Images.MIB + 8 * 4096);
        assertFound(
                CheckResult.Status.LEAKS,
                "guest cluster 520 has space, although it is past the write pointer of its zone",
                file);
        assertEquals(2, ImageChecker.check(file).leaks());
        file.putLong(Images.INCOMPATIBLE, 0x21);
        CheckResult result = ImageChecker.check(file);
        assertEquals(CheckResult.Status.LEAKS, result.status());
        assertTrue(result.dirty());
        assertEquals(8, result.allocatedClusters());
    }

    @Test
    void refcountsThatDidNotReachADirtyImageAreNotCorruption() throws IOException {
        SparseImage file = used();
        long host = (file.getLong(Images.l2Entry(file, 512)) & Long.MAX_VALUE) >> 12;
        file.putByte(Images.refcount(file, host) + 1, 0).putLong(Images.INCOMPATIBLE, 0x21);
        assertFound(
                CheckResult.Status.LEAKS,
                "host cluster %d is in use but not yet marked as used: recovery will mark it".formatted(host),
                file);
    }

    @Test
    void everyWritePointerIsChecked() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 1, Images.MIB);
        Images.setPointer(file, 5, 5 * Images.MIB + 100);
        Images.setPointer(file, 6, 5 * Images.MIB);
        assertEquals(
                List.of(
                        "zone 1 is sequential in the write pointer table, but not in the header",
                        "the write pointer of zone 5 is 5242980, not a multiple of 512",
                        "the write pointer of zone 6 is 5242880, outside of the zone"),
                ImageChecker.check(file).findings());
    }

    @Test
    void overlappingTablesAreCorruption() throws IOException {
        SparseImage file = used();
        long l2 = file.getLong(file.getLong(Images.L1_OFFSET)) & Long.MAX_VALUE;
        assertCorrupt(
                "the L2 table overlaps other metadata in host cluster %d".formatted(l2 / 4096),
                file.putLong(Images.POINTERS_OFFSET, l2));
    }

    @Test
    void writePointerTableOutsideOfTheFileIsCorruption() throws IOException {
        assertCorrupt(
                "the file ends before the end of the write pointer table: it is truncated, restore it from a copy",
                used().putLong(Images.POINTERS_OFFSET, 1L << 40));
        assertCorrupt(
                "the write pointer table cannot be at offset 100, which is not that of a cluster: the header is damaged, restore the image from a copy",
                Images.create(Images.small().layout(ZonedLayout.V6)).putLong(Images.ZONED + 40, 100));
    }

    @Test
    void imageMarkedAsCorruptIsCorrupt() throws IOException {
        assertCorrupt("the image is marked as corrupt", used().putLong(Images.INCOMPATIBLE, 0x22));
    }

    @Test
    void compressedClusterIsCorruptionAndLeavesLeaksUnknown() throws IOException {
        SparseImage file = used();
        file.putLong(Images.l2Entry(file, 513), 1L << 62 | 0x5000);
        assertCorrupt("guest cluster 513 is compressed, which zoned images do not support", file);
        CheckResult result = ImageChecker.check(file);
        assertEquals(1, result.corruptions());
        assertEquals(0, result.leaks());
        assertEquals(
                "the check skipped leaks, because some references to host clusters cannot be read",
                result.findings().getLast());
    }

    @Test
    void l1EntryWithoutTheOwnerFlagIsCorruption() throws IOException {
        SparseImage file = used();
        long entry = file.getLong(Images.L1_OFFSET) + 8;
        file.putLong(entry, file.getLong(entry) & Long.MAX_VALUE);
        assertCorrupt("L2 table 1 is not marked as the only owner of its cluster", file);
    }

    @Test
    void reservedBytesOfTheExtensionAreChecked() throws IOException {
        assertCorrupt(
                "the reserved bytes of the zoned header extension are 0x20000, not zero",
                used().putByte(Images.ZONED + 1, 2));
    }

    @Test
    void restIsCheckedDespiteADamagedExtension() throws IOException {
        SparseImage file = used();
        long host = (file.getLong(Images.l2Entry(file, 512)) & Long.MAX_VALUE) >> 12;
        file.putByte(Images.refcount(file, host) + 1, 0).putInt(Images.ZONE_COUNT, 0);
        assertEquals(
                List.of(
                        "the zoned header extension is damaged: its 44 bytes agree with no known layout on a device of 16777216 bytes; restore the image from a copy",
                        "host cluster %d is in use but marked as free".formatted(host),
                        "the check skipped leaks, because some references to host clusters cannot be read"),
                ImageChecker.check(file).findings());
        file.putInt(Images.ZONED - 4, -1);
        List<String> findings = ImageChecker.check(file).findings();
        assertEquals(
                "the header extension 0x007a6264 says that it has 4294967295 bytes, more than its cluster has room for",
                findings.getFirst());
        assertEquals(4, findings.size(), findings.toString());
    }

    @Test
    void restIsCheckedDespiteADamagedTable() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 5, 5 * Images.MIB + 100);
        file.putLong(file.getLong(Images.L1_OFFSET), 1 << 20 | 1);
        assertEquals(
                List.of(
                        "entry 0 of the L1 table is 0x100001, not the offset of a cluster within the file",
                        "the write pointer of zone 5 is 5242980, not a multiple of 512",
                        "the check skipped leaks, because some references to host clusters cannot be read"),
                ImageChecker.check(file).findings());
    }

    @Test
    void tableThatIsNamedTwiceIsReadOnce() throws IOException {
        SparseImage file = used();
        long l1 = file.getLong(Images.L1_OFFSET);
        file.putLong(l1 + 16, file.getLong(l1 + 8));
        long cluster = (file.getLong(l1 + 8) & Long.MAX_VALUE) / 4096;
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                "the L2 table overlaps other metadata in host cluster " + cluster,
                result.findings().getFirst());
        assertEquals(1, result.corruptions());
        assertEquals(10, result.allocatedClusters());
    }

    @Test
    void progressGoesUpToTheTotal() throws IOException {
        long[] last = {0, 0};
        ImageChecker.check(used(), (done, total) -> {
            assertTrue(done > last[0] && done <= total && (last[1] == 0 || total == last[1]));
            last[0] = done;
            last[1] = total;
        });
        assertEquals(last[1], last[0]);
    }

    @Test
    void findingsAreBoundedAndCountsAreNot() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + (768 << 10));
        Images.map(file, 512, 192);
        Images.map(file, 0, 300);
        for (int i = 0; i < 300; i++) {
            file.putLong(Images.l2Entry(file, i), 3);
        }
        CheckResult result = ImageChecker.check(file);
        assertEquals(CheckResult.FINDINGS_MAX, result.findings().size());
        assertEquals(300, result.corruptions());
        assertEquals(101, result.unlistedFindings());
    }
}
