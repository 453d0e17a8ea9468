package io.ublkzoned.engine.qcow2;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A set of host clusters. Its memory depends on its members, not on how far it reaches: a stretch without members costs
 * one reference.
 */
final class ClusterBitmap {

    private static final int CHUNK_SHIFT = Integer.numberOfTrailingZeros(ClusterChunk.LIMIT);

    private @Nullable ClusterChunk[] chunks = new @Nullable ClusterChunk[16];
    private long size;

    /** Returns the number of clusters in the set. */
    long size() {
        return size;
    }

    boolean contains(long cluster) {
        ClusterChunk chunk = chunk(cluster);
        return chunk != null && chunk.contains(inChunk(cluster));
    }

    /** Adds a cluster. Returns false if the set already had it. */
    boolean add(long cluster) {
        int index = Math.toIntExact(cluster >>> CHUNK_SHIFT);
        if (index >= chunks.length) {
            chunks = Arrays.copyOf(chunks, Math.max(index + 1, 2 * chunks.length));
        }
        ClusterChunk chunk = chunks[index];
        if (chunk == null) {
            chunk = new ClusterChunk();
            chunks[index] = chunk;
        }
        boolean added = chunk.add(inChunk(cluster));
        size += added ? 1 : 0;
        return added;
    }

    /** Removes a cluster. Returns false if the set did not have it. */
    boolean remove(long cluster) {
        ClusterChunk chunk = chunk(cluster);
        boolean removed = chunk != null && chunk.remove(inChunk(cluster));
        size -= removed ? 1 : 0;
        return removed;
    }

    void addRange(long first, long count) {
        for (long cluster = first; cluster < first + count; cluster++) {
            add(cluster);
        }
    }

    void addAll(ClusterBitmap other) {
        long end = other.end();
        for (long cluster = other.nextPresent(0, end); cluster < end; cluster = other.nextPresent(cluster + 1, end)) {
            add(cluster);
        }
    }

    /** Returns the first cluster from {@code from} that is not in the set, or {@code limit} if all below it are. */
    long nextAbsent(long from, long limit) {
        long cluster = from;
        while (cluster < limit) {
            ClusterChunk chunk = chunk(cluster);
            int found = chunk == null ? inChunk(cluster) : chunk.nextAbsent(inChunk(cluster));
            if (found < ClusterChunk.LIMIT) {
                return Math.min(limit, chunkStart(cluster) + found);
            }
            cluster = chunkStart(cluster) + ClusterChunk.LIMIT;
        }
        return limit;
    }

    /** Returns the first cluster from {@code from} that is in the set, or {@code limit} if none below it is. */
    long nextPresent(long from, long limit) {
        long cluster = from;
        while (cluster < limit && cluster >>> CHUNK_SHIFT < chunks.length) {
            ClusterChunk chunk = chunk(cluster);
            int found = chunk == null ? ClusterChunk.LIMIT : chunk.nextPresent(inChunk(cluster));
            if (found < ClusterChunk.LIMIT) {
                return Math.min(limit, chunkStart(cluster) + found);
            }
            cluster = chunkStart(cluster) + ClusterChunk.LIMIT;
        }
        return limit;
    }

    /** Returns one past the last cluster of the set, or 0 if it is empty. */
    long end() {
        for (int i = chunks.length - 1; i >= 0; i--) {
            ClusterChunk chunk = chunks[i];
            if (chunk != null && chunk.end() > 0) {
                return ((long) i << CHUNK_SHIFT) + chunk.end();
            }
        }
        return 0;
    }

    private @Nullable ClusterChunk chunk(long cluster) {
        long index = cluster >>> CHUNK_SHIFT;
        return index < chunks.length ? chunks[(int) index] : null;
    }

    private static long chunkStart(long cluster) {
        return cluster & -ClusterChunk.LIMIT;
    }

    private static int inChunk(long cluster) {
        return (int) (cluster & ClusterChunk.LIMIT - 1);
    }
}
