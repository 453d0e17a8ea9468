package io.ublkzoned.engine.qcow2;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A set of host clusters. Memory follows what is in it, not how far it reaches: a stretch of {@value #CHUNK_CLUSTERS}
 * clusters without a member costs one reference.
 */
final class ClusterBitmap {

    private static final int CHUNK_SHIFT = 15;
    private static final int CHUNK_CLUSTERS = 1 << CHUNK_SHIFT;
    private static final int CHUNK_WORDS = CHUNK_CLUSTERS / Long.SIZE;

    private @Nullable Chunk[] chunks = new @Nullable Chunk[16];
    private long size;

    private static final class Chunk {
        final long[] words = new long[CHUNK_WORDS];
        int size;
    }

    /** How many clusters are in the set. */
    long size() {
        return size;
    }

    boolean contains(long cluster) {
        Chunk chunk = chunk(cluster);
        return chunk != null && (chunk.words[word(cluster)] & 1L << cluster) != 0;
    }

    /** Adds a cluster; false if it was there already. */
    boolean add(long cluster) {
        int index = Math.toIntExact(cluster >>> CHUNK_SHIFT);
        if (index >= chunks.length) {
            chunks = Arrays.copyOf(chunks, Math.max(index + 1, 2 * chunks.length));
        }
        Chunk chunk = chunks[index];
        if (chunk == null) {
            chunk = new Chunk();
            chunks[index] = chunk;
        }
        long bit = 1L << cluster;
        if ((chunk.words[word(cluster)] & bit) != 0) {
            return false;
        }
        chunk.words[word(cluster)] |= bit;
        chunk.size++;
        size++;
        return true;
    }

    /** Takes a cluster out; false if it was not there. */
    boolean remove(long cluster) {
        Chunk chunk = chunk(cluster);
        long bit = 1L << cluster;
        if (chunk == null || (chunk.words[word(cluster)] & bit) == 0) {
            return false;
        }
        chunk.words[word(cluster)] &= ~bit;
        chunk.size--;
        size--;
        return true;
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

    /** The first cluster from {@code from} that is not in the set, or {@code limit} if there is none below it. */
    long nextAbsent(long from, long limit) {
        long cluster = from;
        while (cluster < limit) {
            Chunk chunk = chunk(cluster);
            if (chunk == null) {
                return cluster;
            }
            if (chunk.size == CHUNK_CLUSTERS) {
                cluster = nextChunk(cluster);
                continue;
            }
            long rest = ~chunk.words[word(cluster)] >>> cluster;
            if (rest != 0) {
                return Math.min(limit, cluster + Long.numberOfTrailingZeros(rest));
            }
            cluster = nextWord(cluster);
        }
        return limit;
    }

    /** The first cluster from {@code from} that is in the set, or {@code limit} if there is none below it. */
    long nextPresent(long from, long limit) {
        long cluster = from;
        while (cluster < limit) {
            Chunk chunk = chunk(cluster);
            if (chunk == null || chunk.size == 0) {
                cluster = nextChunk(cluster);
                continue;
            }
            long rest = chunk.words[word(cluster)] >>> cluster;
            if (rest != 0) {
                return Math.min(limit, cluster + Long.numberOfTrailingZeros(rest));
            }
            cluster = nextWord(cluster);
        }
        return limit;
    }

    /** One past the last cluster of the set, 0 if it is empty. */
    long end() {
        for (int i = chunks.length - 1; i >= 0; i--) {
            Chunk chunk = chunks[i];
            if (chunk == null || chunk.size == 0) {
                continue;
            }
            for (int word = CHUNK_WORDS - 1; word >= 0; word--) {
                if (chunk.words[word] != 0) {
                    long lastInWord = Long.SIZE - 1L - Long.numberOfLeadingZeros(chunk.words[word]);
                    return ((long) i << CHUNK_SHIFT) + (long) word * Long.SIZE + lastInWord + 1;
                }
            }
        }
        return 0;
    }

    private @Nullable Chunk chunk(long cluster) {
        long index = cluster >>> CHUNK_SHIFT;
        return index < chunks.length ? chunks[(int) index] : null;
    }

    private static int word(long cluster) {
        return (int) (cluster & CHUNK_CLUSTERS - 1) / Long.SIZE;
    }

    private static long nextWord(long cluster) {
        return (cluster | Long.SIZE - 1) + 1;
    }

    private static long nextChunk(long cluster) {
        return (cluster | CHUNK_CLUSTERS - 1) + 1;
    }
}
