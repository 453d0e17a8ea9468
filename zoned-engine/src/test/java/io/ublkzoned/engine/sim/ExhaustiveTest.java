package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.engine.qcow2.Barrier;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** All short sequences of operations on a small device. */
final class ExhaustiveTest {

    private static final int LENGTH = 6;

    /** A shorter length is enough to detect that these barriers are missing. */
    private static final int LENGTH_WITHOUT_BARRIER = 4;

    @Test
    void allSequencesOfSixOperationsSurviveACrashAtEachPoint() throws IOException {
        new Exhaustive(null).run(LENGTH);
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(
            names = {
                "DIRTY_BEFORE_CHANGES",
                "DATA_BEFORE_POINTERS",
                "POINTERS_BEFORE_FLUSHED",
                "RESET_BEFORE_RELEASE",
                "ALL_BEFORE_CLEAN"
            })
    void barrierThatIsLeftOutIsMissedBySomeSequence(Barrier barrier) throws IOException {
        Exhaustive exhaustive = new Exhaustive(barrier);
        assertThrows(AssertionError.class, () -> exhaustive.run(LENGTH_WITHOUT_BARRIER));
    }
}
