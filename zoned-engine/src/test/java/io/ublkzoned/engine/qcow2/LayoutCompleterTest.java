package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Images like those of other programs, with tables only where there is data. */
class LayoutCompleterTest {

    /**
     * Creates an image of 16 zones of 1 MiB, one conventional, with clusters of 4 KiB, no L2 table and one refcount
     * block. Clusters: header, refcount table, refcount block, L1 table, write pointers.
     */
    private static SparseImage foreign(int tableClusters) throws IOException {
        FormatOptions options = FormatOptions.ofSize(16 * Images.MIB)
                .zoneSize(Images.MIB)
                .conventionalZones(1)
                .clusterSize(4096)
                .build();
        ZonedExtension zoned = new ZonedExtension(ZonedLayout.BE44, options.geometry(), (3L + tableClusters) * 4096);
        HostLayout layout = HostLayout.plan(options.geometry(), 12, 4);
        SparseImage file = new SparseImage();
        file.write(Qcow2Header.create(layout, zoned), 0);
        long block = (1L + tableClusters) * 4096;
        file.putLong(Images.REFCOUNT_TABLE_OFFSET, 4096).putInt(Images.REFCOUNT_TABLE_CLUSTERS, tableClusters);
        file.putLong(4096, block).putLong(Images.L1_OFFSET, block + 4096);
        file.setSize(block + 3 * 4096);
        WritePointerTable.create(zoned).writeDirtyPages(file);
        setRefcounts(file, block, 0, 4 + tableClusters);
        return file;
    }

    private static void setRefcounts(SparseImage file, long block, int first, int count) throws IOException {
        MemorySegment ones = MemorySegment.ofArray(new byte[2 * count]);
        for (int i = 0; i < count; i++) {
            RefcountTable.encode(ones, 4, i, 1);
        }
        file.write(ones, block + 2L * first);
    }

    /** Adds an L2 table with one mapped cluster, at the end of the file and slightly short of whole clusters. */
    private static void addData(SparseImage file) throws IOException {
        long table = file.sizeBytes();
        file.putLong(file.getLong(Images.L1_OFFSET) + 8, table | 1L << 63);
        file.putLong(table, table + 4096 | 1L << 63);
        file.putLong(table + 4096, 0x0102030405060708L);
        setRefcounts(file, file.getLong(4096), (int) (table / 4096), 2);
        Images.setPointer(file, 2, 2 * Images.MIB + 512);
    }

    @Test
    void fileThatIsTooLongForItsRefcountsIsRefusedBeforeItIsWrittenTo() throws IOException {
        SparseImage file = Images.image();
        file.putLong(file.getLong(Images.L1_OFFSET) + 8, 0).setSize(1L << 47);
        Images.assertRefused(
                "the device is too large for clusters of 4096 bytes: use larger clusters", file, Access.READ_WRITE);
    }

    @Test
    void readerAddsNoTables() throws IOException {
        SparseImage file = foreign(1);
        addData(file);
        SparseImage before = file.copy();
        long[] found = new long[4096];
        Qcow2Image.open(file, Access.READ_ONLY).readMapping(0, 4096, found);
        assertEquals(-1, found[0]);
        assertEquals(6, found[512]);
        assertTrue(file.sameBytes(before));
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
    }

    @Test
    void writerGetsAllTablesAndTheDataStays() throws IOException {
        SparseImage file = foreign(1);
        addData(file);
        assertCompleted(file);
    }

    @Test
    void emptyImageIsCompleted() throws IOException {
        SparseImage file = foreign(1);
        Qcow2Image.open(file, Access.READ_WRITE).markClosed();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
    }

    private static void assertCompleted(SparseImage file) throws IOException {
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        assertTrue(image.isDirty());
        long[] found = new long[4096];
        image.readMapping(0, 4096, found);
        assertEquals(6, found[512]);
        assertEquals(0x0102030405060708L, file.getLong(6 * 4096));
        for (int guest = 0; guest < 4096; guest += 256) {
            if (guest != 512) {
                Images.mapOpen(image, guest, 1);
            }
            Images.setPointer(file, guest / 256, guest == 0 ? Images.CONVENTIONAL : guest * 4096L + 4096);
        }
        Images.writeRefcounts(file, image.allocator());
        image.markClosed();
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        assertEquals(16, result.allocatedClusters());
        SparseImage closed = file.copy();
        Qcow2Image.open(file, Access.READ_WRITE);
        assertTrue(file.sameBytes(closed), "it was not complete");
    }

    @Test
    void refcountTableThatIsTooSmallMoves() throws IOException {
        // With clusters of 512 bytes and refcounts of 64 bits, a block covers 64 clusters and a table of one cluster
        // covers 64 blocks. Clusters: header, refcount table, refcount block, nothing, write pointers, nothing, L1
        // table.
        FormatOptions options = FormatOptions.ofSize(64 * Images.MIB)
                .zoneSize(Images.MIB)
                .clusterSize(4096)
                .build();
        HostLayout layout = HostLayout.plan(options.geometry(), 9, 6);
        ZonedExtension zoned = new ZonedExtension(ZonedLayout.BE44, options.geometry(), 4 * 512);
        MemorySegment header = Qcow2Header.create(HostLayout.plan(options.geometry(), 12, 4), zoned);
        // The table of feature names does not fit a header of 512 bytes.
        zoned.encode().writeTo(header.asSlice(112).fill((byte) 0), 0);
        SparseImage file = new SparseImage();
        file.write(header.asSlice(0, 512), 0);
        file.putInt(Images.CLUSTER_BITS, 9).putInt(Images.REFCOUNT_ORDER, 6);
        file.putLong(Images.REFCOUNT_TABLE_OFFSET, 512).putInt(Images.REFCOUNT_TABLE_CLUSTERS, 1);
        file.putLong(512, 1024);
        file.putInt(Images.L1_SIZE, layout.l2Tables()).putLong(Images.L1_OFFSET, 6 * 512);
        file.setSize(6 * 512 + 8L * layout.l2Tables());
        WritePointerTable.create(zoned).writeDirtyPages(file);
        assertTrue(layout.refcountTableClusters() > 1);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        assertEquals(layout.refcountTableClusters(), file.getInt(Images.REFCOUNT_TABLE_CLUSTERS));
        assertTrue(file.getLong(Images.REFCOUNT_TABLE_OFFSET) > 512);
        image.markClosed();
        CheckResult result = ImageChecker.check(file);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        SparseImage closed = file.copy();
        Qcow2Image.open(file, Access.READ_WRITE);
        assertTrue(file.sameBytes(closed));
    }

    @Test
    void completionInterruptedAnywhereIsResumed() throws IOException {
        for (int writes = 0; ; writes++) {
            SparseImage file = foreign(1);
            addData(file);
            file.writesUntilFailure = writes;
            boolean done = true;
            try {
                Qcow2Image.open(file, Access.READ_WRITE);
            } catch (IOException e) {
                done = false;
            }
            file.writesUntilFailure = -1;
            assertCompleted(file);
            if (done) {
                assertTrue(writes >= 4, "completion wrote %d times only".formatted(writes));
                return;
            }
        }
    }
}
