package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.ublkzoned.engine.qcow2.Barrier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random lives of a device. {@code scripts/sim} plays more of them, or one chosen seed. */
final class SimulationTest {

    private static final long SEEDS = 3000;

    /** Enough seeds for the barrier whose absence is detected least often. */
    private static final long SEEDS_WITHOUT_BARRIER = 10_000;

    private static long traceOf(long seed) {
        Trace trace = new Trace(false);
        assertNull(Shrinker.problem(Workload.draw(seed), null, trace));
        return trace.hash();
    }

    @Test
    void zonesHoldTheRequiredDataInEveryRandomLife() {
        for (long seed = 1; seed <= SEEDS; seed++) {
            if (Shrinker.problem(Workload.draw(seed), null, new Trace(false)) != null) {
                fail(Shrinker.report(seed, null));
            }
        }
    }

    @Test
    void sameSeedGivesTheSameTrace() {
        for (long seed = 1; seed <= 100; seed++) {
            assertEquals(traceOf(seed), traceOf(seed), "seed " + seed);
        }
        assertNotEquals(traceOf(1), traceOf(2));
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(
            mode = EnumSource.Mode.MATCH_NONE,
            names = ".*REPAIR.*|.*REFCOUNTS|.*UNMARK|FAILED_ZONES.*|CONVERSION.*|LOG_.*")
    void missingBarrierIsDetected(Barrier barrier) {
        for (long seed = 1; seed <= SEEDS_WITHOUT_BARRIER; seed++) {
            if (Shrinker.problem(Workload.draw(seed), Defect.without(barrier), new Trace(false)) != null) {
                return;
            }
        }
        fail("no seed detects the missing barrier " + barrier);
    }

    @Test
    void failingLifeIsShrunkToFewStepsThatStillFail() {
        long seed = 1;
        Defect defect = Defect.without(Barrier.DATA_BEFORE_POINTERS);
        while (Shrinker.problem(Workload.draw(seed), defect, new Trace(false)) == null) {
            seed++;
        }
        Workload failing = Workload.draw(seed);
        Workload smallest = Shrinker.shrink(failing, defect);

        assertNotNull(Shrinker.problem(smallest, defect, new Trace(false)));
        assertTrue(smallest.steps().size() < failing.steps().size() / 2, smallest::toString);
    }
}
