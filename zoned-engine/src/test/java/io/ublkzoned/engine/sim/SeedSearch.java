package io.ublkzoned.engine.sim;

import org.jspecify.annotations.Nullable;

/** A search for a seed that fails. */
final class SeedSearch {

    private SeedSearch() {}

    /**
     * Returns the first failing seed from 1 to {@code seeds} of an engine as it is loaded, without a defect around it,
     * or 0 if none fails.
     */
    static long findSeed(long seeds) {
        return findSeed(seeds, null);
    }

    /** Returns the first seed from 1 to {@code seeds} that fails, or 0 if none does. */
    static long findSeed(long seeds, @Nullable Defect defect) {
        for (long seed = 1; seed <= seeds; seed++) {
            if (Shrinker.problem(Workload.draw(seed), defect, new Trace(false)) != null) {
                return seed;
            }
        }
        return 0;
    }

    /** Returns the first seed from 1 to {@code seeds} that fails with interleaved threads, or 0 if none does. */
    static long findInterleaving(long seeds) {
        for (long seed = 1; seed <= seeds; seed++) {
            if (Shrinker.problem(ThreadedWorkload.draw(seed), null, new Trace(false)) != null) {
                return seed;
            }
        }
        return 0;
    }

    /** Describes how a seed fails with interleaved threads. */
    static String interleaving(long seed) {
        return Shrinker.report(seed, ThreadedWorkload.draw(seed), null);
    }

    /** Returns the number that represents all events of a life with interleaved threads. */
    static long traceOfInterleaving(long seed) {
        Trace trace = new Trace(false);
        Throwable problem = Shrinker.problem(ThreadedWorkload.draw(seed), null, trace);
        if (problem != null) {
            throw new AssertionError(problem);
        }
        return trace.hash();
    }
}
