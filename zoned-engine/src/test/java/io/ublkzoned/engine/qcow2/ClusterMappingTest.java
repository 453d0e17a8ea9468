package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ClusterMappingTest {

    @Test
    void newDeviceHasNoClusters() throws IOException {
        Qcow2Image image = Qcow2Image.open(Images.image(), Access.READ_WRITE);
        long[] found = new long[4096];
        image.readMapping(0, 4096, found);
        assertTrue(Arrays.stream(found).allMatch(cluster -> cluster == -1));
    }

    @Test
    void rangeMaySpanSeveralTables() throws IOException {
        SparseImage file = Images.image();
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        long first = image.allocator().hostClusters();
        assertTrue(image.allocator().allocate(1300));
        long[] hostClusters = new long[1300];
        Arrays.setAll(hostClusters, i -> i % 3 == 0 ? -1 : first + i);
        image.writeMapping(300, 1300, hostClusters);
        long[] found = new long[1400];
        image.readMapping(250, 1400, found);
        for (int i = 0; i < found.length; i++) {
            long expected = i < 50 || i >= 1350 ? -1 : hostClusters[i - 50];
            assertEquals(expected, found[i]);
        }
    }

    @Test
    void entriesSayThatTheirClusterHasOneOwner() throws IOException {
        SparseImage file = Images.image();
        long host = Images.map(file, 3, 1);
        assertEquals(host << 12 | 1L << 63, file.getLong(Images.l2Entry(file, 3)));
    }

    @Test
    void mappingsSurviveReopening() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 40960);
        long host = Images.map(file, 512, 10);
        assertEquals((host + 10) * 4096, file.sizeBytes());
        long[] found = new long[12];
        Qcow2Image.open(file, Access.READ_WRITE).readMapping(511, 12, found);
        long[] expected = new long[12];
        Arrays.setAll(expected, i -> i == 0 || i == 11 ? -1 : host + i - 1);
        assertArrayEquals(expected, found);
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
    }

    @Test
    void zeroClusterReadsAsHoleAndBecomesAnOrdinaryOneForAWriter() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 8192);
        long host = Images.map(file, 512, 2);
        file.putLong(host << 12, 0x1122334455667788L);
        file.putLong(Images.l2Entry(file, 512), file.getLong(Images.l2Entry(file, 512)) | 1);
        file.putLong(Images.l2Entry(file, 514), 1);
        SparseImage before = file.copy();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
        long[] found = new long[3];
        Qcow2Image.open(file, Access.READ_ONLY).readMapping(512, 3, found);
        assertArrayEquals(new long[] {-1, host + 1, -1}, found);
        assertTrue(file.sameBytes(before));
        Qcow2Image.open(file, Access.READ_WRITE).readMapping(512, 3, found);
        assertArrayEquals(new long[] {host, host + 1, -1}, found);
        assertEquals(0, file.getLong(host << 12));
        assertEquals(host << 12 | 1L << 63, file.getLong(Images.l2Entry(file, 512)));
    }

    @Test
    void zeroClusterReadsAsHoleIfNothingCanBeMadeDurable() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 8192);
        Images.map(file, 512, 2);
        long entry = file.getLong(Images.l2Entry(file, 512)) | 1;
        file.putLong(Images.l2Entry(file, 512), entry);
        Qcow2Image image = Qcow2Image.open(new CutShort(file, Barrier.ZEROS_BEFORE_DATA), Access.READ_WRITE);
        long[] found = new long[2];
        image.readMapping(512, 2, found);
        assertEquals(-1, found[0]);
        assertEquals(entry, file.getLong(Images.l2Entry(file, 512)));
    }

    @Test
    void closingCoversClustersThatDataNeverReached() throws IOException {
        SparseImage file = Images.image();
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        long host = Images.mapOpen(image, 5, 8);
        Images.writeRefcounts(file, image.allocator());
        assertTrue(file.sizeBytes() <= host << 12);
        image.markClosed();
        assertEquals((host + 8) << 12, file.sizeBytes());
        assertFalse(Qcow2Image.open(file, Access.READ_ONLY).isDirty());
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
    }

    @Test
    void markingAsInUseClearsTheAutoclearBitsAndKeepsCompatibleOnes() throws IOException {
        SparseImage file = Images.image().putLong(Images.AUTOCLEAR, 0x8001).putLong(80, 0x55);
        Qcow2Image.open(file, Access.READ_ONLY);
        assertEquals(0x8001, file.getLong(Images.AUTOCLEAR));
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        image.markInUse(Images.ATTACH);
        assertEquals(0, file.getLong(Images.AUTOCLEAR));
        assertEquals(0x55, file.getLong(80));
        assertEquals(0x21, file.getLong(Images.INCOMPATIBLE));
        image.markClosed();
        assertEquals(0x20, file.getLong(Images.INCOMPATIBLE));
    }
}
