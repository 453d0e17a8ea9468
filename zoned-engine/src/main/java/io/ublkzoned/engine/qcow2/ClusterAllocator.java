package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Which host clusters are in use, as one bit each, and which refcounts on disk do not say so yet.
 *
 * <p>On the data path, under the device's lock, which guards it: no I/O, and no allocation except where the bitmap
 * grows with the file. The refcounts are brought to the disk by the metadata writer, a page at a time: {@link
 * #nextDirtyPage}, {@link #takeDirtyPage} under the lock, then the write outside it.
 *
 * <p>Space is handed out next-fit: a request for a run looks for one of full length from where the last one ended, goes
 * on at the end of the file if the file has none, and takes the longest shorter run when the file may not grow.
 */
public final class ClusterAllocator {

    private static final int ANY = Integer.MAX_VALUE;

    private @Nullable Object lock;
    private final RefcountTable refcounts;
    private final ClusterBitmap used;
    /** Those in use that an open zone's map has; the others are metadata, or zones' whose map was not read yet. */
    private final ClusterBitmap owned = new ClusterBitmap();

    private final long clustersMax;
    private final BitSet dirtyPages;

    private long endCluster;
    private long cursor;
    /** A run of this length or more is known not to exist below the end. */
    private int absentRun = ANY;

    private long runStart;
    private int runClusters;

    /**
     * Takes over the set of used clusters.
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

    /** From now on every use requires this lock. Until then one thread opens the image. */
    public void guardBy(Object newLock) {
        lock = newLock;
    }

    private void requireGuard() {
        assert lock == null || Thread.holdsLock(lock) : "without the device's lock";
    }

    /** Something refers to these clusters: they are in use, also if their refcounts are 0. */
    void keep(long firstCluster, long lastCluster) {
        for (long cluster = firstCluster; cluster <= lastCluster && cluster < clustersMax; cluster++) {
            if (used.add(cluster)) {
                markDirty(cluster, 1);
                endCluster = Math.max(endCluster, cluster + 1);
            }
        }
    }

    /**
     * A zone's map takes over the host clusters that the L2 tables have for it.
     *
     * @param firstGuestCluster of the zone, for a sentence
     * @param hostClusters {@code count} host clusters, -1 where there is none
     * @throws ImageFormatException if one is marked as free, so that it could be handed out again, or has another owner;
     *     then none is taken over
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
     * Finds and takes a contiguous run of free clusters, which {@link #runStart} and {@link #runClusters} then name.
     *
     * @param clustersWanted the longest run that is of use, at least 1
     * @return false if no cluster is free, and the file may not grow
     */
    public boolean allocate(int clustersWanted) {
        requireGuard();
        if (!findFullRun(clustersWanted) && !extend(clustersWanted) && !findLongestRun()) {
            return false;
        }
        for (long cluster = runStart; cluster < runStart + runClusters; cluster++) {
            used.add(cluster);
            owned.add(cluster);
        }
        endCluster = Math.max(endCluster, runStart + runClusters);
        cursor = runStart + runClusters;
        markDirty(runStart, runClusters);
        return true;
    }

    /** The first host cluster of the run that {@link #allocate} took last. */
    public long runStart() {
        return runStart;
    }

    /** How many clusters {@link #allocate} took last. */
    public int runClusters() {
        return runClusters;
    }

    /**
     * Gives clusters back. They may be handed out again by the very next call, so their holes have to be durable.
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

    /** Where the area that was ever used ends, in clusters; it grows while attached and never shrinks. */
    public long hostClusters() {
        return endCluster;
    }

    /** Where the last cluster that is in use now ends. */
    long endOfUsed() {
        return used.end();
    }

    /** The first free cluster from {@code cluster} on, or {@link #hostClusters} if there is none. */
    public long nextFree(long cluster) {
        return used.nextAbsent(cluster, endCluster);
    }

    /** The first cluster in use from {@code cluster} on, or {@link #hostClusters} if there is none. */
    public long nextUsed(long cluster) {
        return used.nextPresent(cluster, endCluster);
    }

    /** How many host clusters are in use. */
    public long usedClusters() {
        return used.size();
    }

    /** The size of a page of refcounts in bytes. */
    public int pageBytes() {
        return refcounts.pageBytes();
    }

    /** The first page from {@code from} whose refcounts are not on disk, or -1 if there is none. */
    public int nextDirtyPage(int from) {
        return dirtyPages.nextSetBit(from);
    }

    /**
     * Encodes a page as it is now and counts it as written.
     *
     * @param target receives {@link #pageBytes} bytes
     */
    public void takeDirtyPage(int page, MemorySegment target) {
        requireGuard();
        refcounts.encodePage(page, used, target);
        dirtyPages.clear(page);
    }

    /** Returns where a page of refcounts lies in the file; without the lock. */
    public long pageOffsetBytes(int page) {
        return refcounts.pageOffset(page);
    }

    /** The page could not be written after all. */
    public void dirtyAgain(int page) {
        requireGuard();
        dirtyPages.set(page);
    }

    /** Looks for a run of full length below the end, from the cursor and then from the start. */
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

    /** Takes a run of full length that ends past the used area. */
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
