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
        RANDOM;

        /**
         * Reads a word as people type it.
         *
         * @throws IllegalArgumentException with a sentence
         */
        public static Keep parse(String word) {
            return switch (word) {
                case "none" -> NONE;
                case "all" -> ALL;
                case "random" -> RANDOM;
                default -> throw new IllegalArgumentException("'%s' is not none, all or random".formatted(word));
            };
        }
    }

    /** Returns the source of the draws. */
    public SplittableRandom random() {
        return new SplittableRandom(seed);
    }

    /** Returns how many of a zone's unflushed blocks, from the first on, survive. */
    public long survivors(SplittableRandom random, long unflushed) {
        return switch (keep) {
            case NONE -> 0;
            case ALL -> unflushed;
            case RANDOM -> random.nextLong(unflushed + 1);
        };
    }
}
