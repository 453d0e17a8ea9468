package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RefcountTableTest {

    @Test
    void refcountsOfAllWidthsAreReadAsTheyWereWritten() {
        for (int order = 0; order <= 6; order++) {
            long seed = 100L + order;
            Random random = new Random(seed);
            int count = (4096 * 8) >>> order;
            MemorySegment page = MemorySegment.ofArray(new byte[4096]);
            long mask = order == 6 ? -1 : (1L << (1 << order)) - 1;
            long[] values = new long[count];
            for (int round = 0; round < 3 * count; round++) {
                int index = random.nextInt(count);
                values[index] = random.nextLong() & mask;
                RefcountTable.encode(page, order, index, values[index]);
            }
            for (int i = 0; i < count; i++) {
                assertEquals(values[i], RefcountTable.decode(page, order, i), "order " + order + " seed " + seed);
            }
        }
    }

    @Test
    void narrowRefcountsFillAByteFromItsLowestBitAndWideOnesAreBigEndian() {
        assertArrayEquals(new byte[] {0b0000_0010, 0, 0, 0, 0, 0, 0, 0}, encoded(0, 1, 1));
        assertArrayEquals(new byte[] {0b0000_1000, 0, 0, 0, 0, 0, 0, 0}, encoded(1, 1, 2));
        assertArrayEquals(new byte[] {0x50, 0, 0, 0, 0, 0, 0, 0}, encoded(2, 1, 5));
        assertArrayEquals(new byte[] {0, 7, 0, 0, 0, 0, 0, 0}, encoded(3, 1, 7));
        assertArrayEquals(new byte[] {0, 0, 1, 2, 0, 0, 0, 0}, encoded(4, 1, 0x0102));
        assertArrayEquals(new byte[] {0, 0, 0, 0, 1, 2, 3, 4}, encoded(5, 1, 0x01020304));
        assertArrayEquals(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}, encoded(6, 0, 0x0102030405060708L));
    }

    private static byte[] encoded(int order, int index, long value) {
        byte[] bytes = new byte[8];
        RefcountTable.encode(MemorySegment.ofArray(bytes), order, index, value);
        return bytes;
    }

    @Test
    void coverageEndsAtTheFirstMissingBlock() {
        RefcountTable table = new RefcountTable(16, 4, new long[] {65536, 131072, 0, 262144});
        assertEquals(2 * 32768, table.coveredClusters());
        assertEquals(32, table.pageCount());
        assertEquals(131072 + 4096, table.pageOffset(17));
        assertEquals(17, table.pageOf(17 * 2048));
    }

    @Test
    void imagesOfAllRefcountWidthsAreCompletedAndUsed() throws IOException {
        for (int order = 0; order <= 6; order++) {
            SparseImage file = Images.image(2 * Images.MIB + 40960);
            // A dirty image's refcounts are rebuilt regardless of the contents of the blocks, so the width can be
            // changed freely.
            file.putInt(Images.REFCOUNT_ORDER, order).putLong(Images.INCOMPATIBLE, 1 << 5 | 1);
            long host = Images.map(file, 512, 10);
            CheckResult result = ImageChecker.check(file);
            assertEquals(CheckResult.Status.CLEAN, result.status(), order + ": " + result.findings());
            assertEquals(10, result.allocatedClusters());
            long next = Images.map(file, 0, 5);
            assertEquals(host + 10, next, "the clusters in use were not known again");
            assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
        }
    }
}
