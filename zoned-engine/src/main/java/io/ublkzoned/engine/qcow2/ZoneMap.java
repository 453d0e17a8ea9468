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

    private final int clusters;

    // Each run as two words: its first cluster in the upper half and its length in the lower half, then its first host
    // cluster. Most zones have one run.
    private long[] words = new long[2];
    private int runs;

    // The run that was found last, kept here so that finding it again does not touch the list. A change of the list
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

    private ZoneMap(int clusters) {
        this.clusters = clusters;
    }

    private void append(int cluster, long hostCluster) {
        int last = runs - 1;
        if (last >= 0 && continues(last, cluster, hostCluster)) {
            lengthen(last, 1);
        } else {
            insert(runs, cluster, hostCluster, 1);
        }
    }

    private int guest(int run) {
        return (int) (words[2 * run] >>> Integer.SIZE);
    }

    private int length(int run) {
        return (int) words[2 * run];
    }

    private int end(int run) {
        return guest(run) + length(run);
    }

    private long host(int run) {
        return words[2 * run + 1];
    }

    private void set(int run, int cluster, long hostCluster, int length) {
        words[2 * run] = (long) cluster << Integer.SIZE | length;
        words[2 * run + 1] = hostCluster;
    }

    /** Returns whether a cluster and its host cluster are the next ones behind a run. */
    private boolean continues(int run, int cluster, long hostCluster) {
        return end(run) == cluster && host(run) + length(run) == hostCluster;
    }

    private void lengthen(int run, int count) {
        words[2 * run] += count;
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
            if (run < 0 || cluster >= end(run)) {
                found = (run + 1 < runs ? guest(run + 1) : clusters) - cluster;
                return HOLE;
            }
            lastGuest = guest(run);
            lastEnd = end(run);
            lastHost = host(run);
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
            if (guest(middle) <= cluster) {
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
        if (run >= 0 && continues(run, cluster, hostCluster)) {
            lengthen(run, count);
        } else {
            insert(run + 1, cluster, hostCluster, count);
        }
        lastEnd = 0;
        markStale(cluster, cluster + count);
    }

    private void insert(int at, int cluster, long hostCluster, int count) {
        if (2 * runs == words.length) {
            words = Arrays.copyOf(words, 2 * words.length);
        }
        System.arraycopy(words, 2 * at, words, 2 * at + 2, 2 * (runs - at));
        set(at, cluster, hostCluster, count);
        runs++;
    }

    /** Makes holes of all clusters from {@code fromCluster} on. */
    public void truncate(int fromCluster, ReleasedRuns released) {
        while (runs > 0 && end(runs - 1) > fromCluster) {
            int last = runs - 1;
            int keep = Math.max(0, fromCluster - guest(last));
            markStale(guest(last) + keep, end(last));
            released.run(host(last) + keep, length(last) - keep);
            set(last, guest(last), host(last), keep);
            if (keep > 0) {
                break;
            }
            runs--;
        }
        lastEnd = 0;
    }

    /** Returns the map that the zone has without its clusters, which this map keeps. */
    public ZoneMap emptied() {
        ZoneMap empty = new ZoneMap(clusters);
        if (isStale()) {
            empty.markStale(staleFrom, staleEnd);
        }
        if (runs > 0) {
            empty.markStale(0, end(runs - 1));
        }
        return empty;
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
