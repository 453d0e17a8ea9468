package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import java.util.ArrayList;
import java.util.List;

/** The sets of unsynced changes that can survive a power cut, for tests that try all of them. */
final class PowerCuts {

    /** Up to this many changes are tried in all combinations. */
    private static final int ALL_COMBINATIONS_MAX = 5;

    private PowerCuts() {}

    /**
     * Returns all combinations of a few changes. For many changes it returns: all, all but one, one alone, each prefix,
     * and each suffix.
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
