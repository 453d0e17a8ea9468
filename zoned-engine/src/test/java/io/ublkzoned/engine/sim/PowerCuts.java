package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import java.util.ArrayList;
import java.util.List;

/** What can be left of unsynced changes after a power cut, change by change: for tests that try all of it. */
final class PowerCuts {

    /** So many changes are tried in all combinations. */
    private static final int ALL_COMBINATIONS_MAX = 5;

    private PowerCuts() {}

    /**
     * All combinations of a few changes. Of many: all of them, all but one, one alone, all up to one, and all from one on.
     */
    static List<Survival> combinations(int changes) {
        List<Survival> combinations = new ArrayList<>();
        if (changes <= ALL_COMBINATIONS_MAX) {
            for (int bits = 0; bits < 1 << changes; bits++) {
                int survivors = bits;
                combinations.add((change, sector) -> ((survivors >>> change) & 1) != 0);
            }
            return combinations;
        }
        combinations.add((change, sector) -> true);
        for (int i = 0; i < changes; i++) {
            int one = i;
            combinations.add((change, sector) -> change != one);
            combinations.add((change, sector) -> change == one);
            combinations.add((change, sector) -> change < one);
            combinations.add((change, sector) -> change >= one);
        }
        return combinations;
    }
}
