package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Test;

/**
 * Random lives of a device whose threads interleave. {@code scripts/sim --threads} plays more of them, or one chosen
 * seed.
 */
final class InterleavingTest {

    private static final long SEEDS = 500;

    private final EngineLoader engine = new EngineLoader(new Instrumentation());

    @Test
    void zonesHoldTheRequiredDataInEveryInterleaving() throws ReflectiveOperationException {
        long seed = (long) engine.search("findInterleaving", SEEDS);
        if (seed != 0) {
            fail((String) engine.search("interleaving", seed));
        }
    }

    @Test
    void sameSeedGivesTheSameInterleaving() throws ReflectiveOperationException {
        for (long seed = 1; seed <= 10; seed++) {
            assertEquals(
                    engine.search("traceOfInterleaving", seed),
                    engine.search("traceOfInterleaving", seed),
                    "seed " + seed);
        }
        assertNotEquals(engine.search("traceOfInterleaving", 1), engine.search("traceOfInterleaving", 2));
    }
}
