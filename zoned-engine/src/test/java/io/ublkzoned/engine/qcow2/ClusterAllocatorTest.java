package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class ClusterAllocatorTest {

    /**
     * Returns an allocator of clusters of 512 bytes with 16-bit refcounts: 256 clusters per block. The blocks are at 1
     * MiB and above.
     */
    private static ClusterAllocator allocator(int blocks, long used) {
        long[] offsets = new long[blocks];
        Arrays.setAll(offsets, i -> (1 << 20) + i * 512L);
        ClusterBitmap bitmap = new ClusterBitmap();
        bitmap.addRange(0, used);
        return new ClusterAllocator(new RefcountTable(9, 4, offsets), bitmap, 0);
    }

    private static void assertRun(ClusterAllocator allocator, int wanted, long start, int count) {
        assertTrue(allocator.allocate(wanted));
        assertEquals(start, allocator.runStart());
        assertEquals(count, allocator.runClusters());
    }

    @Test
    void fullFileGrowsAtItsEnd() {
        ClusterAllocator allocator = allocator(4, 10);
        assertRun(allocator, 16, 10, 16);
        assertRun(allocator, 1, 26, 1);
        assertEquals(27, allocator.hostClusters());
        assertEquals(27, allocator.usedClusters());
    }

    @Test
    void freedRunIsUsedAgainBeforeTheFileGrows() {
        ClusterAllocator allocator = allocator(4, 100);
        allocator.free(20, 16);
        assertRun(allocator, 16, 20, 16);
        assertRun(allocator, 16, 100, 16);
    }

    @Test
    void searchContinuesWhereTheLastOneEnded() {
        ClusterAllocator allocator = allocator(4, 100);
        allocator.free(10, 4);
        allocator.free(50, 4);
        assertRun(allocator, 4, 10, 4);
        allocator.free(10, 4);
        assertRun(allocator, 4, 50, 4);
        assertRun(allocator, 4, 10, 4);
    }

    @Test
    void fragmentsAreLeftAloneWhileTheFileMayGrow() {
        ClusterAllocator allocator = allocator(2, 200);
        for (int i = 20; i < 200; i += 2) {
            allocator.free(i, 1);
        }
        assertRun(allocator, 16, 200, 16);
        assertRun(allocator, 2, 216, 2);
        assertRun(allocator, 1, 20, 1);
    }

    @Test
    void freeTailIsPartOfTheRunThatGrowsTheFile() {
        ClusterAllocator allocator = allocator(4, 100);
        allocator.free(96, 4);
        assertRun(allocator, 16, 96, 16);
        assertEquals(112, allocator.hostClusters());
    }

    @Test
    void longestShorterRunIsTakenWhenTheFileMayNotGrow() {
        ClusterAllocator allocator = allocator(1, 256);
        allocator.free(10, 3);
        allocator.free(100, 5);
        assertRun(allocator, 64, 100, 5);
        assertRun(allocator, 64, 10, 3);
        assertFalse(allocator.allocate(64));
        assertFalse(allocator.allocate(1));
        allocator.free(0, 1);
        assertRun(allocator, 64, 0, 1);
    }

    @Test
    void fileEndsWhereTheRefcountsDo() {
        ClusterAllocator allocator = allocator(1, 250);
        assertRun(allocator, 16, 250, 6);
        assertFalse(allocator.allocate(1));
    }

    @Test
    void freeingTwiceIsABug() {
        ClusterAllocator allocator = allocator(1, 10);
        allocator.free(3, 1);
        assertThrows(IllegalStateException.class, () -> allocator.free(3, 1));
        assertThrows(IllegalStateException.class, () -> allocator.free(11, 1));
    }

    @Test
    void changedPagesAreEncodedOnceEach() {
        ClusterAllocator allocator = allocator(4, 256);
        assertEquals(-1, allocator.nextDirtyPage(0));
        assertRun(allocator, 300, 256, 300);
        allocator.free(7, 1);
        MemorySegment page = MemorySegment.ofArray(new byte[allocator.pageBytes()]);
        assertEquals(0, allocator.nextDirtyPage(0));
        allocator.takeDirtyPage(0, page);
        assertEquals(1 << 20, allocator.pageOffsetBytes(0));
        for (int i = 0; i < 256; i++) {
            assertEquals(i == 7 ? 0 : 1, RefcountTable.decode(page, 4, i));
        }
        assertEquals(1, allocator.nextDirtyPage(0));
        allocator.takeDirtyPage(1, page);
        assertEquals(2, allocator.nextDirtyPage(0));
        allocator.takeDirtyPage(2, page);
        assertEquals((1 << 20) + 1024, allocator.pageOffsetBytes(2));
        for (int i = 0; i < 256; i++) {
            assertEquals(i < 44 ? 1 : 0, RefcountTable.decode(page, 4, i));
        }
        assertEquals(-1, allocator.nextDirtyPage(0));
        allocator.dirtyAgain(1);
        assertEquals(1, allocator.nextDirtyPage(0));
    }

    @Test
    void randomUseAgreesWithASetOfClusters() {
        long seed = 20260101;
        Random random = new Random(seed);
        ClusterAllocator allocator = allocator(300, 5);
        TreeSet<Long> free = new TreeSet<>();
        for (long i = 5; i < 300 * 256; i++) {
            free.add(i);
        }
        long[] starts = new long[4000];
        int[] counts = new int[4000];
        for (int round = 0; round < 60_000; round++) {
            int slot = random.nextInt(starts.length);
            if (counts[slot] > 0) {
                int keep = random.nextInt(counts[slot]);
                allocator.free(starts[slot] + keep, counts[slot] - keep);
                for (long c = starts[slot] + keep; c < starts[slot] + counts[slot]; c++) {
                    assertTrue(free.add(c));
                }
                counts[slot] = keep;
                continue;
            }
            int wanted = 1 + random.nextInt(64);
            if (!allocator.allocate(wanted)) {
                assertTrue(free.isEmpty(), "seed " + seed);
                continue;
            }
            starts[slot] = allocator.runStart();
            counts[slot] = allocator.runClusters();
            assertTrue(counts[slot] <= wanted);
            for (int i = 0; i < counts[slot]; i++) {
                assertTrue(free.remove(starts[slot] + i), "seed " + seed + " round " + round);
            }
            if (counts[slot] < wanted) {
                assertFalse(free.contains(starts[slot] + counts[slot]), "seed " + seed);
                assertFalse(free.contains(starts[slot] - 1), "seed " + seed);
            }
            assertEquals(300 * 256 - free.size(), allocator.usedClusters());
        }
    }

    @Test
    void bitmapFindsItsMembersFarApart() {
        ClusterBitmap bitmap = new ClusterBitmap();
        long[] members = {0, 63, 64, 32767, 32768, 1L << 30, (1L << 36) - 1};
        for (long member : members) {
            assertTrue(bitmap.add(member));
            assertFalse(bitmap.add(member));
        }
        long from = 0;
        for (long member : members) {
            assertEquals(member, bitmap.nextPresent(from, 1L << 36));
            from = member + 1;
        }
        assertEquals(1L << 36, bitmap.nextPresent(from, 1L << 36));
        assertEquals(1L << 36, bitmap.end());
        assertEquals(1, bitmap.nextAbsent(0, 1L << 36));
        assertEquals(65, bitmap.nextAbsent(63, 1L << 36));
        assertEquals(100, bitmap.nextPresent(65, 100));
        assertTrue(bitmap.remove((1L << 36) - 1));
        assertFalse(bitmap.remove((1L << 36) - 1));
        assertEquals((1L << 30) + 1, bitmap.end());
        assertEquals(members.length - 1, bitmap.size());
        ClusterBitmap full = new ClusterBitmap();
        full.addRange(0, 70_000);
        assertEquals(70_000, full.nextAbsent(0, 80_000));
        assertEquals(60_000, full.nextAbsent(0, 60_000));
    }
}
