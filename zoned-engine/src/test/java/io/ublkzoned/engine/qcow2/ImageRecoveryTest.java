package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ImageRecoveryTest {

    private static final long ZONE_CLUSTERS = 256;

    /**
     * Creates an unclosed image. Zone 0 has data, zone 2 has 10 clusters of which 4.5 are below its write pointer, zone
     * 3 is full.
     */
    private static SparseImage unclosed() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 4 * 4096 + 512, 4 * Images.MIB);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        Images.mapOpen(image, 7, 3);
        Images.mapOpen(image, 2 * ZONE_CLUSTERS, 10);
        Images.mapOpen(image, 3 * ZONE_CLUSTERS, 200);
        return file;
    }

    private static long[] mapping(SparseImage file, Access access) throws IOException {
        long[] found = new long[(int) (4 * ZONE_CLUSTERS)];
        Qcow2Image.open(file, access).readMapping(0, found.length, found);
        return found;
    }

    @Test
    void mappingsPastTheWritePointerAreDroppedAndRefcountsRebuilt() throws IOException {
        SparseImage file = unclosed();
        long[] before = mapping(file, Access.READ_ONLY);
        long[] after = mapping(file, Access.READ_WRITE);
        long[] expected = before.clone();
        Arrays.fill(expected, (int) (2 * ZONE_CLUSTERS + 5), (int) (2 * ZONE_CLUSTERS + 10), -1);
        // The capacity of 768 KiB is 192 clusters; clusters past it are never read.
        Arrays.fill(expected, (int) (3 * ZONE_CLUSTERS + 192), (int) (3 * ZONE_CLUSTERS + 200), -1);
        assertArrayEquals(expected, after);
        assertEquals(0x21, file.getLong(Images.INCOMPATIBLE), "the dirty bit stays");
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        assertTrue(image.isDirty());
        image.markClosed();
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        assertEquals(3 + 5 + 192, result.allocatedClusters());
    }

    @Test
    void secondRecoveryChangesNothing() throws IOException {
        SparseImage file = unclosed();
        Qcow2Image.open(file, Access.READ_WRITE);
        SparseImage once = file.copy();
        Qcow2Image.open(file, Access.READ_WRITE);
        assertTrue(file.sameBytes(once));
    }

    @Test
    void recoveryInterruptedAnywhereEndsTheSame() throws IOException {
        SparseImage complete = unclosed();
        Qcow2Image.open(complete, Access.READ_WRITE);
        for (int writes = 0; ; writes++) {
            SparseImage file = unclosed();
            file.writesUntilFailure = writes;
            boolean done = true;
            try {
                Qcow2Image.open(file, Access.READ_WRITE);
            } catch (IOException e) {
                done = false;
            }
            file.writesUntilFailure = -1;
            Qcow2Image.open(file, Access.READ_WRITE);
            assertTrue(file.sameBytes(complete), "interrupted before write " + writes);
            if (done) {
                assertTrue(writes >= 3, "recovery wrote %d times only".formatted(writes));
                return;
            }
        }
    }

    @Test
    void wrongRefcountsAreCorrected() throws IOException {
        SparseImage file = unclosed();
        long host = mapping(file, Access.READ_ONLY)[7];
        // Too low, too high, and set past the end of the file.
        file.putLong(Images.refcount(file, host), 0).putLong(Images.refcount(file, 0), 0x0007_0000_0001_0001L);
        file.putLong(Images.refcount(file, 5000), 0x0001_0001_0001_0001L);
        Qcow2Image.open(file, Access.READ_WRITE).markClosed();
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
    }

    @Test
    void dirtyImageIsOnlyReadWhenOpenedForReading() throws IOException {
        SparseImage file = unclosed();
        SparseImage before = file.copy();
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
        assertTrue(image.isDirty());
        ImageChecker.check(file);
        assertTrue(file.sameBytes(before));
    }

    @Test
    void twoOwnersOfAClusterAreRefusedAndNothingIsWritten() throws IOException {
        SparseImage file = unclosed();
        long entry = file.getLong(Images.l2Entry(file, 7));
        file.putLong(Images.l2Entry(file, 2 * ZONE_CLUSTERS + 1), entry);
        Images.assertRefused(
                "guest cluster 513 is mapped to host cluster %d, which is in use for something else: run ublk-zoned check to see all of the damage"
                        .formatted((entry & Long.MAX_VALUE) >> 12),
                file,
                Access.READ_WRITE);
    }

    @Test
    void staleMappingOfAResetZoneDoesNotCountAsAnOwner() throws IOException {
        SparseImage file = unclosed();
        long entry = file.getLong(Images.l2Entry(file, 7));
        file.putLong(Images.l2Entry(file, 5 * ZONE_CLUSTERS), entry);
        assertEquals(CheckResult.Status.LEAKS, ImageChecker.check(file).status());
        Qcow2Image.open(file, Access.READ_WRITE).markClosed();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
    }
}
