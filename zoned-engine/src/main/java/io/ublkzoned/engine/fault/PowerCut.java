package io.ublkzoned.engine.fault;

import java.util.SplittableRandom;

/**
 * A power cut of a device: what becomes of acknowledged writes that were not flushed.
 *
 * @param seed decides everything that is drawn, so that the same writes leave the same image
 */
public record PowerCut(long seed, Keep keep) {

    /** The unflushed data of a sequential zone that survives. */
    public enum Keep {
        NONE,
        ALL,
        /** Some whole blocks from its start on. */
        RANDOM
    }

    /** Returns the source of the draws. */
    public SplittableRandom random() {
        return new SplittableRandom(seed);
    }

    /**
     * Returns the write pointer of a zone after the cut.
     *
     * @param flushedBytes where the last flush left it
     * @param acknowledgedBytes where it was at the cut; every byte below is in the image
     */
    public long pointerBytes(SplittableRandom random, long flushedBytes, long acknowledgedBytes, int blockBytes) {
        return switch (keep) {
            case NONE -> flushedBytes;
            case ALL -> acknowledgedBytes;
            case RANDOM -> {
                long blocks = (acknowledgedBytes - flushedBytes) / blockBytes;
                yield flushedBytes + random.nextLong(blocks + 1) * blockBytes;
            }
        };
    }
}
