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

    private ZoneMap load(boolean sequential, int limit, long... hostClusters) {
        long[] all = Arrays.copyOf(hostClusters, CLUSTERS);
        Arrays.fill(all, hostClusters.length, CLUSTERS, HOLE);
        return new ZoneMap(all, CLUSTERS, sequential, limit, this::release);
    }

    private void release(long first, int clusters) {
        released.add(first + "+" + clusters);
    }

    private static long[] entries(ZoneMap map, int from, int to, int limit) {
        long[] entries = new long[to - from];
        map.entries(from, to, limit, entries);
        return entries;
    }

    @Test
    void newMapIsOneHole() {
        ZoneMap map = load(true, 0);

        assertEquals(HOLE, map.find(5));
        assertEquals(CLUSTERS - 5, map.foundClusters());
        assertFalse(map.isStale(0));
    }

    @Test
    void neighboursOnTheHostAreFoundAsOneRun() {
        ZoneMap map = load(true, 5, 10, 11, 12, 40, 41);

        assertEquals(11, map.find(1));
        assertEquals(2, map.foundClusters());
        assertEquals(40, map.find(3));
        assertEquals(2, map.foundClusters());
        assertEquals(HOLE, map.find(5));
        assertEquals(11, map.foundClusters());
    }

    @Test
    void holeBetweenRunsEndsAtTheNextRun() {
        ZoneMap map = load(false, CLUSTERS, 10, HOLE, HOLE, 13);

        assertEquals(HOLE, map.find(1));
        assertEquals(2, map.foundClusters());
    }

    @Test
    void hintOfAnEarlierLookupNeverMisleadsALaterOne() {
        ZoneMap map = load(false, CLUSTERS, 10, HOLE, 30, HOLE, 50, HOLE, 70);
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
        ZoneMap map = load(true, 0);
        map.map(0, 100, 4);
        map.map(4, 104, 4);

        assertEquals(100, map.find(0));
        assertEquals(8, map.foundClusters());
    }

    @Test
    void entriesOfASequentialZoneEndAtTheLimit() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 4);

        assertFalse(map.isStale(0), "clusters ahead of the write pointer are not for the disk");
        assertTrue(map.isStale(2));
        assertEquals(0, map.staleFrom());
        assertEquals(2, map.staleEnd(2));
        assertArrayEquals(new long[] {100, 101, HOLE}, entries(map, 0, 3, 2));
    }

    @Test
    void onlyWhatIsNewIsWrittenAgain() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 8);
        map.markWritten(3);

        assertFalse(map.isStale(3));
        assertTrue(map.isStale(5));
        assertEquals(3, map.staleFrom());
        assertEquals(5, map.staleEnd(5));
    }

    @Test
    void chunkMappedAheadLaterIsWrittenOnceTheLimitReachesIt() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 2);
        map.markWritten(2);
        map.map(2, 200, 2);

        assertFalse(map.isStale(2));
        assertTrue(map.isStale(4));
        assertArrayEquals(new long[] {200, 201}, entries(map, map.staleFrom(), map.staleEnd(4), 4));
    }

    @Test
    void entriesOfAConventionalZoneAreWrittenWhereverTheyChanged() {
        ZoneMap map = load(false, CLUSTERS, 10);
        assertFalse(map.isStale(CLUSTERS));
        map.map(12, 60, 2);
        map.map(5, 50, 1);

        assertEquals(5, map.staleFrom());
        assertEquals(14, map.staleEnd(CLUSTERS));
        assertArrayEquals(new long[] {50, HOLE, HOLE, HOLE, HOLE, HOLE, HOLE, 60, 61}, entries(map, 5, 14, CLUSTERS));
        map.markWritten(CLUSTERS);
        assertFalse(map.isStale(CLUSTERS));
    }

    @Test
    void truncateGivesUpTheTailAndSplitsARun() {
        ZoneMap map = load(true, 6, 10, 11, 12, 13, 40, 41);
        map.truncate(2, this::release);

        assertEquals(List.of("40+2", "12+2"), released);
        assertEquals(11, map.find(1));
        assertEquals(1, map.foundClusters());
        assertEquals(HOLE, map.find(2));
    }

    @Test
    void truncatedEntriesBecomeHolesOnDisk() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 6);
        map.markWritten(6);
        map.truncate(0, this::release);

        assertTrue(map.isStale(0));
        assertEquals(0, map.staleFrom());
        assertEquals(6, map.staleEnd(0));
        assertArrayEquals(new long[] {HOLE, HOLE, HOLE, HOLE, HOLE, HOLE}, entries(map, 0, 6, 0));
        map.markWritten(0);
        assertFalse(map.isStale(0));
    }

    @Test
    void truncatedAndMappedAgainIsWrittenFromTheStartAndClearedToTheOldEnd() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 6);
        map.markWritten(6);
        map.truncate(0, this::release);
        map.map(0, 300, 6);

        assertEquals(0, map.staleFrom());
        assertEquals(6, map.staleEnd(2));
        assertArrayEquals(new long[] {300, 301, HOLE, HOLE, HOLE, HOLE}, entries(map, 0, 6, 2));
    }

    @Test
    void clustersAboveTheWritePointerAreGivenUpAtLoadAndClearedOnDisk() {
        ZoneMap map = load(true, 2, 10, 11, 12, 13);

        assertEquals(List.of("12+2"), released);
        assertEquals(HOLE, map.find(2));
        assertTrue(map.isStale(2));
        assertEquals(2, map.staleFrom());
        assertEquals(4, map.staleEnd(2));
    }

    @Test
    void entriesFoundAtLoadBecomeHolesWhenTheyAreTruncated() {
        ZoneMap map = load(true, 3, 10, 11, 12);
        assertFalse(map.isStale(3));
        map.truncate(0, this::release);

        assertTrue(map.isStale(0));
        assertEquals(0, map.staleFrom());
        assertEquals(3, map.staleEnd(0));
    }

    @Test
    void failedWriteOfEntriesLeavesThemStale() {
        ZoneMap map = load(true, 0);
        map.map(0, 100, 6);
        map.markWritten(4);
        map.markStale(0, 4);

        assertTrue(map.isStale(4));
        assertEquals(0, map.staleFrom());
        assertEquals(4, map.staleEnd(4));
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

    /** A conventional zone: what the disk would hold after each round is compared too. */
    private void compareWithPlainArray(RandomGenerator random) {
        long[] expected = new long[CLUSTERS];
        Arrays.fill(expected, HOLE);
        long[] disk = expected.clone();
        ZoneMap map = load(false, CLUSTERS);
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
            if (random.nextInt(3) == 0 && map.isStale(CLUSTERS)) {
                int from = map.staleFrom();
                int to = map.staleEnd(CLUSTERS);
                System.arraycopy(entries(map, from, to, CLUSTERS), 0, disk, from, to - from);
                map.markWritten(CLUSTERS);
                assertArrayEquals(expected, disk);
            }
        }
    }
}
