package io.ublkzoned.engine.qcow2;

import java.util.Arrays;

/**
 * The map of one zone: a short sorted list of runs of its clusters in the image, and the range of its L2 entries in the
 * file that are out of date.
 *
 * <p>It belongs to the data path, under the device's lock. Clusters are numbered from the start of the zone. A
 * sequential zone has clusters ahead of its write pointer.
 */
public final class ZoneMap {

    /** The value in place of a host cluster or an image offset for a cluster that has none and reads as zeros. */
    public static final long HOLE = -1;

    /** A receiver of runs of host clusters that the zone has released. */
    @FunctionalInterface
    public interface ReleasedRuns {
        void run(long firstHostCluster, int clusters);
    }

    private static final int INITIAL_RUNS = 4;

    private final int clusters;

    private int[] guest = new int[INITIAL_RUNS];
    private long[] host = new long[INITIAL_RUNS];
    private int[] length = new int[INITIAL_RUNS];
    private int runs;

    // The run that was found last, kept here so that finding it again touches none of the lists. A change of the lists
    // empties it.
    private int lastGuest;
    private int lastEnd;
    private long lastHost;

    private int found;

    // L2 entries [staleFrom, staleEnd) in the file may differ from the list.
    private int staleFrom = Integer.MAX_VALUE;
    private int staleEnd;

    /**
     * Creates a map from the contents of the L2 tables.
     *
     * @param hostClusters the host cluster of each cluster of the zone, or {@link #HOLE}
     */
    public ZoneMap(long[] hostClusters, int clusters) {
        this.clusters = clusters;
        for (int i = 0; i < clusters; i++) {
            if (hostClusters[i] != HOLE) {
                append(i, hostClusters[i]);
            }
        }
    }

    private void append(int cluster, long hostCluster) {
        int last = runs - 1;
        if (last >= 0 && guest[last] + length[last] == cluster && host[last] + length[last] == hostCluster) {
            length[last]++;
        } else {
            insert(runs, cluster, hostCluster, 1);
        }
    }

    public int clusters() {
        return clusters;
    }

    /**
     * Returns the host cluster of a cluster, or {@link #HOLE}. The result holds for {@link #foundClusters} clusters
     * from there, with ascending host clusters.
     */
    public long find(int cluster) {
        if (cluster < lastGuest || cluster >= lastEnd) {
            int run = runAt(cluster);
            if (run < 0 || cluster >= guest[run] + length[run]) {
                found = (run + 1 < runs ? guest[run + 1] : clusters) - cluster;
                return HOLE;
            }
            lastGuest = guest[run];
            lastEnd = guest[run] + length[run];
            lastHost = host[run];
        }
        found = lastEnd - cluster;
        return lastHost + (cluster - lastGuest);
    }

    /** Returns the number of clusters for which the last result of {@link #find} holds. */
    public int foundClusters() {
        return found;
    }

    /** Returns the last run that starts at or below the cluster, or -1. */
    private int runAt(int cluster) {
        int low = 0;
        int high = runs - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (guest[middle] <= cluster) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }

    /** Maps clusters, which must all be holes, to host clusters. */
    public void map(int cluster, long hostCluster, int count) {
        int run = runAt(cluster);
        if (run >= 0 && guest[run] + length[run] == cluster && host[run] + length[run] == hostCluster) {
            length[run] += count;
        } else {
            insert(run + 1, cluster, hostCluster, count);
        }
        lastEnd = 0;
        markStale(cluster, cluster + count);
    }

    private void insert(int at, int cluster, long hostCluster, int count) {
        if (runs == guest.length) {
            guest = Arrays.copyOf(guest, 2 * runs);
            host = Arrays.copyOf(host, 2 * runs);
            length = Arrays.copyOf(length, 2 * runs);
        }
        System.arraycopy(guest, at, guest, at + 1, runs - at);
        System.arraycopy(host, at, host, at + 1, runs - at);
        System.arraycopy(length, at, length, at + 1, runs - at);
        guest[at] = cluster;
        host[at] = hostCluster;
        length[at] = count;
        runs++;
    }

    /** Makes holes of all clusters from {@code fromCluster} on. */
    public void truncate(int fromCluster, ReleasedRuns released) {
        while (runs > 0 && guest[runs - 1] + length[runs - 1] > fromCluster) {
            int last = runs - 1;
            int keep = Math.max(0, fromCluster - guest[last]);
            markStale(guest[last] + keep, guest[last] + length[last]);
            released.run(host[last] + keep, length[last] - keep);
            length[last] = keep;
            if (keep > 0) {
                break;
            }
            runs--;
        }
        lastEnd = 0;
    }

    /** Returns whether L2 entries in the file are out of date. */
    public boolean isStale() {
        return staleFrom < staleEnd;
    }

    /** Returns the first L2 entry to write. */
    public int staleFrom() {
        return staleFrom;
    }

    /** Returns the end of the L2 entries to write. */
    public int staleEnd() {
        return staleEnd;
    }

    /** Fills {@code hostClusters} with the contents of the entries {@code from} to {@code to}. */
    public void entries(int from, int to, long[] hostClusters) {
        int at = from;
        while (at < to) {
            long first = find(at);
            int end = Math.min(to, at + found);
            for (int i = at; i < end; i++) {
                hostClusters[i - from] = first == HOLE ? HOLE : first + (i - at);
            }
            at = end;
        }
    }

    /** Marks the stale entries as written, because they are about to be. */
    public void markWritten() {
        staleFrom = Integer.MAX_VALUE;
        staleEnd = 0;
    }

    /**
     * Marks entries {@code from} to {@code to} as out of date: they have to be written, for the first time or again.
     */
    public void markStale(int from, int to) {
        staleFrom = Math.min(staleFrom, from);
        staleEnd = Math.max(staleEnd, to);
    }
}
