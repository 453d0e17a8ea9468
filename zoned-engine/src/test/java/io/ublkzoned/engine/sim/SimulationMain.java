package io.ublkzoned.engine.sim;

import java.lang.reflect.Method;

/**
 * The program that plays many seeds: {@code SimulationMain FIRST SEEDS SECONDS THREADS}. It plays at least this many
 * and for at least this long, with interleaved threads if THREADS is {@code true}. It ends with status 1 at the first
 * failing seed, which it shrinks.
 */
final class SimulationMain {

    private SimulationMain() {}

    public static void main(String[] arguments) throws ReflectiveOperationException {
        if (Boolean.parseBoolean(arguments[3])) {
            Method play = new EngineLoader(new Instrumentation())
                    .loadClass(SimulationMain.class.getName())
                    .getDeclaredMethod("play", String[].class);
            play.setAccessible(true);
            play.invoke(null, (Object) arguments);
        } else {
            play(arguments);
        }
    }

    private static void play(String[] arguments) {
        long first = Long.parseLong(arguments[0]);
        long seeds = Long.parseLong(arguments[1]);
        long nanos = Long.parseLong(arguments[2]) * 1_000_000_000;
        boolean threads = Boolean.parseBoolean(arguments[3]);
        long start = System.nanoTime();
        long seed = first;
        for (; seed < first + seeds || System.nanoTime() - start < nanos; seed++) {
            Workload workload = threads ? ThreadedWorkload.draw(seed) : Workload.draw(seed);
            if (Shrinker.problem(workload, null, new Trace(false)) != null) {
                System.out.print(Shrinker.report(seed, workload, null));
                System.exit(1);
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                "seeds %d to %d: every promise kept; %.0f s, %.0f seeds/s%n",
                first, seed - 1, seconds, (seed - first) / seconds);
    }
}
