package io.ublkzoned.engine.sim;

/**
 * Plays many seeds: {@code SimulationMain FIRST SEEDS SECONDS}, at least so many and for at least so long. Ends with
 * status 1 at the first one that fails, shrunk.
 */
final class SimulationMain {

    private SimulationMain() {}

    public static void main(String[] arguments) {
        long first = Long.parseLong(arguments[0]);
        long seeds = Long.parseLong(arguments[1]);
        long nanos = Long.parseLong(arguments[2]) * 1_000_000_000;
        long start = System.nanoTime();
        long seed = first;
        for (; seed < first + seeds || System.nanoTime() - start < nanos; seed++) {
            if (Shrinker.problem(Workload.draw(seed), null, new Trace(false)) != null) {
                System.out.print(Shrinker.report(seed, null));
                System.exit(1);
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                "seeds %d to %d: every promise kept; %.0f s, %.0f seeds/s%n",
                first, seed - 1, seconds, (seed - first) / seconds);
    }
}
