package io.ublkzoned.engine;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Many short random lives of a device. A failure names the seed; {@code -Dseed=N} plays that one alone. */
final class ZonedDeviceRandomTest {

    private static final int RUNS = 2000;

    @Test
    void zonesHoldWhatTheHistoryOfRequestsSays() {
        long only = Long.getLong("seed", 0);
        long first = only == 0 ? 1 : only;
        long last = only == 0 ? RUNS : only;
        for (long seed = first; seed <= last; seed++) {
            try {
                new RandomRun(seed).run();
            } catch (AssertionError | RuntimeException | IOException e) {
                throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
            }
        }
    }
}
