package io.ublkzoned.engine.sim;

import org.jspecify.annotations.Nullable;

/** Looks for a seed that fails. */
final class SeedSearch {

    private SeedSearch() {}

    /** The same of an engine as it is loaded, with nothing wrong around it. */
    static long findSeed(long seeds) {
        return findSeed(seeds, null);
    }

    /** The first seed from 1 to {@code seeds} that fails, or 0 if none does. */
    static long findSeed(long seeds, @Nullable Defect defect) {
        for (long seed = 1; seed <= seeds; seed++) {
            if (Shrinker.problem(Workload.draw(seed), defect, new Trace(false)) != null) {
                return seed;
            }
        }
        return 0;
    }

    /** The first seed from 1 to {@code seeds} that fails with threads that interleave, or 0 if none does. */
    static long findInterleaving(long seeds) {
        for (long seed = 1; seed <= seeds; seed++) {
            if (Shrinker.problem(ThreadedWorkload.draw(seed), null, new Trace(false)) != null) {
                return seed;
            }
        }
        return 0;
    }

    /** Describes how a seed fails with threads that interleave. */
    static String interleaving(long seed) {
        return Shrinker.report(seed, ThreadedWorkload.draw(seed), null);
    }

    /** The number that follows from all that happens in a life with threads that interleave. */
    static long traceOfInterleaving(long seed) {
        Trace trace = new Trace(false);
        Throwable problem = Shrinker.problem(ThreadedWorkload.draw(seed), null, trace);
        if (problem != null) {
            throw new AssertionError(problem);
        }
        return trace.hash();
    }
}
