package io.ublkzoned.engine.qcow2;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;

final class ZoneMapTest {

    private static final int CLUSTERS = 16;

    private final List<String> released = new ArrayList<>();

    private static ZoneMap load(long... hostClusters) {
        long[] all = Arrays.copyOf(hostClusters, CLUSTERS);
        Arrays.fill(all, hostClusters.length, CLUSTERS, HOLE);
        return new ZoneMap(all, CLUSTERS);
    }

    private void release(long first, int clusters) {
        released.add(first + "+" + clusters);
    }

    private static long[] staleEntries(ZoneMap map) {
        long[] entries = new long[map.staleEnd() - map.staleFrom()];
        map.entries(map.staleFrom(), map.staleEnd(), entries);
        return entries;
    }

    @Test
    void newMapIsOneHole() {
        ZoneMap map = load();

        assertEquals(HOLE, map.find(5));
        assertEquals(CLUSTERS - 5, map.foundClusters());
        assertFalse(map.isStale());
    }

    @Test
    void neighboursOnTheHostAreFoundAsOneRun() {
        ZoneMap map = load(10, 11, 12, 40, 41);

        assertEquals(11, map.find(1));
        assertEquals(2, map.foundClusters());
        assertEquals(40, map.find(3));
        assertEquals(2, map.foundClusters());
        assertEquals(HOLE, map.find(5));
        assertEquals(11, map.foundClusters());
        assertFalse(map.isStale(), "the file has what was read from it");
    }

    @Test
    void holeBetweenRunsEndsAtTheNextRun() {
        ZoneMap map = load(10, HOLE, HOLE, 13);

        assertEquals(HOLE, map.find(1));
        assertEquals(2, map.foundClusters());
    }

    @Test
    void hintOfAnEarlierLookupNeverMisleadsALaterOne() {
        ZoneMap map = load(10, HOLE, 30, HOLE, 50, HOLE, 70);
        for (int first = 0; first < CLUSTERS; first++) {
            for (int second = 0; second < CLUSTERS; second++) {
                map.find(first);
                long expected = second < 7 && second % 2 == 0 ? 10 + 10L * second : HOLE;
                assertEquals(expected, map.find(second), first + " then " + second);
            }
        }
    }

    @Test
    void chunkThatFollowsOnTheHostExtendsTheRun() {
        ZoneMap map = load();
        map.map(0, 100, 4);
        map.map(4, 104, 4);

        assertEquals(100, map.find(0));
        assertEquals(8, map.foundClusters());
    }

    @Test
    void onlyNewEntriesAreWritten() {
        ZoneMap map = load();
        map.map(0, 100, 8);
        map.markWritten();
        assertFalse(map.isStale());
        map.map(8, 200, 2);

        assertTrue(map.isStale());
        assertEquals(8, map.staleFrom());
        assertArrayEquals(new long[] {200, 201}, staleEntries(map));
    }

    @Test
    void entriesBetweenTwoChangesAreWrittenToo() {
        ZoneMap map = load(10);
        map.map(12, 60, 2);
        map.map(5, 50, 1);

        assertEquals(5, map.staleFrom());
        assertArrayEquals(new long[] {50, HOLE, HOLE, HOLE, HOLE, HOLE, HOLE, 60, 61}, staleEntries(map));
        map.markWritten();
        assertFalse(map.isStale());
    }

    @Test
    void truncateReleasesTheTailAndSplitsARun() {
        ZoneMap map = load(10, 11, 12, 13, 40, 41);
        map.truncate(2, this::release);

        assertEquals(List.of("40+2", "12+2"), released);
        assertEquals(11, map.find(1));
        assertEquals(1, map.foundClusters());
        assertEquals(HOLE, map.find(2));
        assertEquals(2, map.staleFrom());
        assertArrayEquals(new long[] {HOLE, HOLE, HOLE, HOLE}, staleEntries(map));
    }

    @Test
    void truncateWithNothingToReleaseChangesNothing() {
        ZoneMap map = load(10, 11);
        map.truncate(2, this::release);

        assertEquals(List.of(), released);
        assertFalse(map.isStale());
    }

    @Test
    void truncatedAndMappedAgainIsWrittenFromTheStartAndClearedToTheOldEnd() {
        ZoneMap map = load();
        map.map(0, 100, 6);
        map.markWritten();
        map.truncate(0, this::release);
        map.map(0, 300, 2);

        assertEquals(0, map.staleFrom());
        assertArrayEquals(new long[] {300, 301, HOLE, HOLE, HOLE, HOLE}, staleEntries(map));
    }

    @Test
    void failedWriteOfEntriesLeavesThemStale() {
        ZoneMap map = load();
        map.map(0, 100, 6);
        map.markWritten();
        map.markStale(0, 4);

        assertTrue(map.isStale());
        assertArrayEquals(new long[] {100, 101, 102, 103}, staleEntries(map));
    }

    @Test
    void randomMappingsAgreeWithAPlainArray() {
        for (long seed = 1; seed <= 300; seed++) {
            try {
                compareWithPlainArray(
                        RandomGeneratorFactory.of("L64X128MixRandom").create(seed));
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    /** Also compares the contents that the file would have after each round. */
    private void compareWithPlainArray(RandomGenerator random) {
        long[] expected = new long[CLUSTERS];
        Arrays.fill(expected, HOLE);
        long[] disk = expected.clone();
        ZoneMap map = load();
        long nextHost = 1000;
        for (int round = 0; round < 30; round++) {
            int cluster = random.nextInt(CLUSTERS);
            if (map.find(cluster) == HOLE) {
                int count = 1 + random.nextInt(map.foundClusters());
                nextHost += random.nextInt(2);
                map.map(cluster, nextHost, count);
                for (int i = 0; i < count; i++) {
                    expected[cluster + i] = nextHost++;
                }
            }
            int at = random.nextInt(CLUSTERS);
            assertEquals(expected[at], map.find(at));
            if (random.nextInt(3) == 0 && map.isStale()) {
                long[] entries = staleEntries(map);
                System.arraycopy(entries, 0, disk, map.staleFrom(), entries.length);
                map.markWritten();
                assertArrayEquals(expected, disk);
            }
        }
    }
}
