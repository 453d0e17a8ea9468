package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import java.util.Arrays;

/** A growing list of runs of host clusters. */
final class RunList {

    private long[] first = new long[8];
    private int[] clusters = new int[8];
    private int size;

    void add(long firstHostCluster, int count) {
        if (size == first.length) {
            first = Arrays.copyOf(first, 2 * size);
            clusters = Arrays.copyOf(clusters, 2 * size);
        }
        first[size] = firstHostCluster;
        clusters[size++] = count;
    }

    boolean isEmpty() {
        return size == 0;
    }

    void forEach(ZoneMap.ReleasedRuns action) {
        for (int i = 0; i < size; i++) {
            action.run(first[i], clusters[i]);
        }
    }
}
