package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class ClusterBitmapTest {

    private static final long LIMIT = 1L << 36;

    private final ClusterBitmap bitmap = new ClusterBitmap();
    private final TreeSet<Long> model = new TreeSet<>();

    /**
     * Returns a cluster. Clusters are dense in some places and scattered in others, so that chunks of both kinds exist
     * and change into each other.
     */
    private static long cluster(Random random) {
        return switch (random.nextInt(3)) {
            case 0 -> random.nextLong(1000);
            case 1 -> (1L << 20) + random.nextInt(1 << 16);
            default -> random.nextLong(LIMIT >> random.nextInt(20));
        };
    }

    private void assertAgrees(long from) {
        Long present = model.ceiling(from);
        assertEquals(present == null ? LIMIT : present, bitmap.nextPresent(from, LIMIT));
        long absent = from;
        while (model.contains(absent)) {
            absent++;
        }
        assertEquals(absent, bitmap.nextAbsent(from, LIMIT));
        assertEquals(model.contains(from), bitmap.contains(from));
    }

    @Test
    void bitmapIsASetOfNumbers() {
        Random random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            long cluster = cluster(random);
            if (random.nextInt(3) != 0) {
                assertEquals(model.add(cluster), bitmap.add(cluster), "add " + cluster);
            } else {
                assertEquals(model.remove(cluster), bitmap.remove(cluster), "remove " + cluster);
            }
            assertAgrees(cluster(random));
        }
        assertEquals(model.size(), bitmap.size());
        assertEquals(model.last() + 1, bitmap.end());
        ClusterBitmap copy = new ClusterBitmap();
        copy.addAll(bitmap);
        assertEquals(model.size(), copy.size());
        model.forEach(bitmap::remove);
        assertEquals(0, bitmap.end());
        assertEquals(LIMIT, bitmap.nextPresent(0, LIMIT));
    }

    @Test
    void fullStretchesAreSkipped() {
        bitmap.addRange(0, 3L << 15);
        assertEquals(3L << 15, bitmap.nextAbsent(5, LIMIT));
        assertEquals(100, bitmap.nextAbsent(5, 100));
        assertEquals(3L << 15, bitmap.end());
    }
}
