package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The allocator of host clusters. It holds one bit per cluster, and which refcounts on disk are out of date.
 *
 * <p>It belongs to the data path. The device's lock guards it. It does no I/O, and allocates memory only where the
 * bitmap grows with the file. The metadata writer writes the refcounts to disk page by page: it calls
 * {@link #nextDirtyPage} and {@link #takeDirtyPage} under the lock, and writes the page without it.
 *
 * <p>Allocation is next-fit. A request for a run first searches for one of full length, from the end of the last
 * allocation. If the file has none, the run extends the file. If the file may not grow, the longest shorter run is
 * taken.
 */
public final class ClusterAllocator {

    private static final int ANY = Integer.MAX_VALUE;

    private @Nullable Object lock;
    private final RefcountTable refcounts;
    private final ClusterBitmap used;
    /**
     * The used clusters that an open zone's map has. The other used clusters hold metadata or belong to zones whose map
     * has not been read.
     */
    private final ClusterBitmap owned = new ClusterBitmap();

    private final long clustersMax;
    private final BitSet dirtyPages;

    private long endCluster;
    private long cursor;
    /** Below the end, no run of this length or longer exists. */
    private int absentRun = ANY;

    private long runStart;
    private int runClusters;

    /**
     * Creates an allocator from the set of used clusters.
     *
     * @param refcounts the table, which covers all of {@code used}
     * @param fileClusters the length of the file
     */
    ClusterAllocator(RefcountTable refcounts, ClusterBitmap used, long fileClusters) {
        this.refcounts = refcounts;
        this.used = used;
        clustersMax = refcounts.coveredClusters();
        dirtyPages = new BitSet(refcounts.pageCount());
        endCluster = Math.max(used.end(), Math.min(fileClusters, clustersMax));
    }

    /**
     * Requires this lock for every later use. Until this call, only the thread that opens the image uses the allocator.
     */
    public void guardBy(Object newLock) {
        lock = newLock;
    }

    private void requireGuard() {
        assert lock == null || Thread.holdsLock(lock) : "without the device's lock";
    }

    /** Marks referenced clusters as in use, even if their refcounts are 0. */
    void keep(long firstCluster, long lastCluster) {
        for (long cluster = firstCluster; cluster <= lastCluster && cluster < clustersMax; cluster++) {
            if (used.add(cluster)) {
                markDirty(cluster, 1);
                endCluster = Math.max(endCluster, cluster + 1);
            }
        }
    }

    /**
     * Hands the host clusters that the L2 tables name for a zone to the zone's map.
     *
     * @param firstGuestCluster the zone's first guest cluster, for the error message
     * @param hostClusters {@code count} host clusters, -1 for each hole
     * @throws ImageFormatException if a cluster is marked as free, so that it could be allocated again, or has another
     *     owner; then none is handed over
     */
    public void adopt(long firstGuestCluster, long[] hostClusters, int count) throws ImageFormatException {
        requireGuard();
        for (int i = 0; i < count; i++) {
            if (hostClusters[i] == L2Entry.HOLE || (used.contains(hostClusters[i]) && owned.add(hostClusters[i]))) {
                continue;
            }
            boolean shared = owned.contains(hostClusters[i]);
            for (int j = 0; j < i; j++) {
                owned.remove(hostClusters[j]);
            }
            throw new ImageFormatException(
                    "guest cluster %d is mapped to host cluster %d, which %s: detach the image and run ublk-zoned check -r all"
                            .formatted(
                                    firstGuestCluster + i,
                                    hostClusters[i],
                                    shared ? "another guest cluster has too" : "is marked as free"));
        }
    }

    /**
     * Allocates a contiguous run of free clusters. {@link #runStart} and {@link #runClusters} return it.
     *
     * @param clustersWanted the longest useful run, at least 1
     * @return false if no cluster is free and the file may not grow
     */
    public boolean allocate(int clustersWanted) {
        requireGuard();
        if (!findFullRun(clustersWanted) && !extend(clustersWanted) && !findLongestRun()) {
            return false;
        }
        for (long cluster = runStart; cluster < runStart + runClusters; cluster++) {
            boolean wasFree = used.add(cluster);
            assert wasFree : "handed out twice: host cluster " + cluster;
            owned.add(cluster);
        }
        endCluster = Math.max(endCluster, runStart + runClusters);
        cursor = runStart + runClusters;
        markDirty(runStart, runClusters);
        return true;
    }

    /** Returns the first host cluster of the last run that {@link #allocate} took. */
    public long runStart() {
        return runStart;
    }

    /** Returns the length of the last run that {@link #allocate} took. */
    public int runClusters() {
        return runClusters;
    }

    /**
     * Frees clusters. The next call may allocate them again, so their holes must already be durable.
     *
     * @throws IllegalStateException if one of them is not in use
     */
    public void free(long firstCluster, int count) {
        requireGuard();
        for (long cluster = firstCluster; cluster < firstCluster + count; cluster++) {
            if (!used.remove(cluster)) {
                throw new IllegalStateException("host cluster " + cluster + " is freed twice");
            }
            owned.remove(cluster);
        }
        absentRun = ANY;
        markDirty(firstCluster, count);
    }

    /**
     * Returns the end of the area that was ever used, in clusters. It grows while the image is attached and never
     * shrinks.
     */
    public long hostClusters() {
        return endCluster;
    }

    /** Returns the end of the last cluster that is in use now. */
    long endOfUsed() {
        return used.end();
    }

    /** Returns the first free cluster from {@code cluster} on, or {@link #hostClusters} if no cluster is free. */
    public long nextFree(long cluster) {
        return used.nextAbsent(cluster, endCluster);
    }

    /** Returns the first cluster in use from {@code cluster} on, or {@link #hostClusters} if none is in use. */
    public long nextUsed(long cluster) {
        return used.nextPresent(cluster, endCluster);
    }

    /** Returns the number of host clusters in use. */
    public long usedClusters() {
        return used.size();
    }

    /** Returns the size of a page of refcounts in bytes. */
    public int pageBytes() {
        return refcounts.pageBytes();
    }

    /**
     * Returns the first page from {@code from} whose refcounts are out of date on disk, or -1 if all are up to date.
     */
    public int nextDirtyPage(int from) {
        return dirtyPages.nextSetBit(from);
    }

    /**
     * Encodes the current refcounts of a page and marks it as written.
     *
     * @param target receives {@link #pageBytes} bytes
     */
    public void takeDirtyPage(int page, MemorySegment target) {
        requireGuard();
        refcounts.encodePage(page, used, target);
        dirtyPages.clear(page);
    }

    /** Returns the offset of a page of refcounts in the file. Needs no lock. */
    public long pageOffsetBytes(int page) {
        return refcounts.pageOffset(page);
    }

    /** Marks a page as out of date again, because writing it failed. */
    public void dirtyAgain(int page) {
        requireGuard();
        dirtyPages.set(page);
    }

    /** Searches for a run of full length below the end, from the cursor and then from the start. */
    private boolean findFullRun(int wanted) {
        if (wanted >= absentRun || used.size() + wanted > endCluster) {
            return false;
        }
        if (findRun(cursor, endCluster, wanted) || findRun(0, Math.min(endCluster, cursor + wanted), wanted)) {
            return true;
        }
        absentRun = wanted;
        return false;
    }

    private boolean findRun(long from, long limit, int wanted) {
        long start = used.nextAbsent(from, limit);
        while (start + wanted <= limit) {
            long end = used.nextPresent(start, start + wanted);
            if (end == start + wanted) {
                return take(start, wanted);
            }
            start = used.nextAbsent(end, limit);
        }
        return false;
    }

    /** Takes a run of full length that reaches past the used area. */
    private boolean extend(int wanted) {
        long start = endCluster;
        while (start > 0 && start > endCluster - wanted && !used.contains(start - 1)) {
            start--;
        }
        return start + wanted <= clustersMax && take(start, wanted);
    }

    private boolean findLongestRun() {
        long best = 0;
        long bestStart = 0;
        long start = used.nextAbsent(0, clustersMax);
        while (start < clustersMax) {
            long end = used.nextPresent(start, clustersMax);
            if (end - start > best) {
                best = end - start;
                bestStart = start;
            }
            start = used.nextAbsent(end, clustersMax);
        }
        return best > 0 && take(bestStart, (int) best);
    }

    private boolean take(long start, int count) {
        runStart = start;
        runClusters = count;
        return true;
    }

    private void markDirty(long firstCluster, int count) {
        dirtyPages.set(refcounts.pageOf(firstCluster), refcounts.pageOf(firstCluster + count - 1) + 1);
    }
}
