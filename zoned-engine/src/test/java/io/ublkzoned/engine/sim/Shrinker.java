package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.Workload.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The shrinking of a workload to a small part that still fails. It removes steps, at first many at a time, and then
 * peculiarities.
 */
final class Shrinker {

    private final @Nullable Defect defect;

    private Shrinker(@Nullable Defect defect) {
        this.defect = defect;
    }

    static Workload shrink(Workload failing, @Nullable Defect defect) {
        Shrinker shrinker = new Shrinker(defect);
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
                if (fails(smallest.with(fewer))) {
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
        Optional<Workload> simpler = Optional.of(failing);
        while (simpler.isPresent()) {
            smallest = simpler.get();
            simpler = smallest.simpler().stream().filter(this::fails).findFirst();
        }
        return smallest;
    }

    private boolean fails(Workload workload) {
        return problem(workload, defect, new Trace(false)) != null;
    }

    /** Plays a workload. Returns its error, or null if it succeeded. */
    static @Nullable Throwable problem(Workload workload, @Nullable Defect defect, Trace trace) {
        try {
            new Simulation(workload, defect, trace).run();
            return null;
        } catch (AssertionError | RuntimeException e) {
            return e;
        }
    }

    /** Returns the report of a failing seed: a small workload that can be read and played again. */
    static String report(long seed, @Nullable Defect defect) {
        return report(seed, Workload.draw(seed), defect);
    }

    /** Returns the report of the workload that was made from that seed. */
    static String report(long seed, Workload failing, @Nullable Defect defect) {
        Workload smallest = shrink(failing, defect);
        Trace trace = new Trace(true);
        Throwable problem = problem(smallest, defect, trace);
        StringBuilder text = new StringBuilder("seed %d: %s%n%s%n".formatted(seed, problem, smallest.with(List.of())));
        smallest.steps().forEach(step -> text.append("  ").append(step).append('\n'));
        text.append("what happened:\n");
        trace.lines().forEach(line -> text.append("  ").append(line).append('\n'));
        return text.toString();
    }
}
