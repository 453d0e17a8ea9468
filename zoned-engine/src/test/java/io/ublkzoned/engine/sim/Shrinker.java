package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.Barrier;
import io.ublkzoned.engine.sim.Workload.Step;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds a small part of a workload that still fails: steps are left out, most at first, and then peculiarities. */
final class Shrinker {

    private final @Nullable Barrier missing;

    private Shrinker(@Nullable Barrier missing) {
        this.missing = missing;
    }

    static Workload shrink(Workload failing, @Nullable Barrier missing) {
        Shrinker shrinker = new Shrinker(missing);
        Workload smallest = failing;
        int size;
        do {
            size = smallest.steps().size();
            smallest = shrinker.withoutPeculiarities(shrinker.withoutSteps(smallest));
        } while (smallest.steps().size() < size);
        return smallest;
    }

    private Workload withoutSteps(Workload failing) {
        Workload smallest = failing;
        for (int count = smallest.steps().size() / 2; count > 0; count /= 2) {
            int at = 0;
            while (at < smallest.steps().size()) {
                List<Step> fewer = new ArrayList<>(smallest.steps());
                fewer.subList(at, Math.min(at + count, fewer.size())).clear();
                if (problem(smallest.with(fewer), missing, new Trace(false)) != null) {
                    smallest = smallest.with(fewer);
                } else {
                    at += count;
                }
            }
        }
        return smallest;
    }

    private Workload withoutPeculiarities(Workload failing) {
        Workload smallest = failing;
        for (int i = 0; i < smallest.simpler().size(); i++) {
            Workload simpler = smallest.simpler().get(i);
            if (problem(simpler, missing, new Trace(false)) != null) {
                smallest = simpler;
            }
        }
        return smallest;
    }

    /** Plays a workload; what went wrong, or null if nothing did. */
    static @Nullable Throwable problem(Workload workload, @Nullable Barrier missing, Trace trace) {
        try {
            new Simulation(workload, missing, trace).run();
            return null;
        } catch (AssertionError | RuntimeException e) {
            return e;
        }
    }

    /** All that a failing seed comes down to, to be read and played again. */
    static String report(long seed, @Nullable Barrier missing) {
        Workload smallest = shrink(Workload.draw(seed), missing);
        Trace trace = new Trace(true);
        Throwable problem = problem(smallest, missing, trace);
        StringBuilder text = new StringBuilder("seed %d: %s%n%s%n".formatted(seed, problem, smallest.with(List.of())));
        smallest.steps().forEach(step -> text.append("  ").append(step).append('\n'));
        text.append("what happened:\n");
        trace.lines().forEach(line -> text.append("  ").append(line).append('\n'));
        return text.toString();
    }
}
