package io.ublkzoned.engine.fault;

import java.util.SplittableRandom;

/**
 * A power cut of a device: what becomes of acknowledged writes that were not flushed.
 *
 * @param seed decides everything that is drawn, so that the same writes leave the same image
 */
public record PowerCut(long seed, Keep keep) {

    /** The unflushed data that survives. */
    public enum Keep {
        NONE,
        ALL,
        /** The first unflushed steps of a sequential zone, up to a random one, and random sectors in conventional zones. */
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

    /** Returns how many of a zone's unflushed steps (blocks, finishes, resets), from the first on, survive. */
    public long survivors(SplittableRandom random, long unflushed) {
        return switch (keep) {
            case NONE -> 0;
            case ALL -> unflushed;
            case RANDOM -> random.nextLong(unflushed + 1);
        };
    }

    /**
     * Returns how many sectors of a block that a write has overwritten, from the first on, have the new data. One block in
     * three is new, one is old, and one is torn if it has several sectors.
     */
    public int survivingSectors(SplittableRandom random, int sectors) {
        return switch (keep) {
            case NONE -> 0;
            case ALL -> sectors;
            case RANDOM ->
                switch (random.nextInt(sectors > 1 ? 3 : 2)) {
                    case 0 -> 0;
                    case 1 -> sectors;
                    default -> random.nextInt(1, sectors);
                };
        };
    }
}
