package io.ublkzoned.engine.sim;

import static io.ublkzoned.engine.sim.LockMutation.split;
import static io.ublkzoned.engine.sim.LockMutation.withoutLock;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The check of the checker: some seed detects each wrong use of the lock in the engine. */
final class LockMutationTest {

    private static final long SEEDS = 3000;

    static Stream<LockMutation> wrongLocks() {
        return Stream.of(
                withoutLock("ZonedDevice", "submit", 1),
                withoutLock("ZonedDevice", "endTransfer", 1),
                withoutLock("DeviceFaults", "endWait", 1),
                withoutLock("PendingWork", "takeMap", 1),
                withoutLock("PendingWork", "mapRead", 1),
                withoutLock("PendingWork", "mapDone", 1),
                withoutLock("PendingWork", "takeEntries", 1),
                withoutLock("PendingWork", "takeFlush", 1),
                withoutLock("PendingWork", "flushDone", 1),
                withoutLock("PendingWork", "takeRefcounts", 1),
                withoutLock("PendingWork", "takeSpaceWaiters", 1),
                withoutLock("PendingWork", "resume", 1),
                withoutLock("PendingWork", "takeReleased", 1),
                withoutLock("PendingWork", "free", 1),
                withoutLock("PendingWork", "takeChanges", 1),
                withoutLock("PendingWork", "changesDone", 1),
                withoutLock("OverwriteJournal", "flushesIfUnsaved", 1),
                withoutLock("OverwriteJournal", "saveChunk", 1),
                withoutLock("OverwriteJournal", "flushBegins", 1),
                withoutLock("OverwriteJournal", "flushEnds", 1),
                // The entries that a queue adds in between count as written.
                split("PendingWork", "takeEntries", 1, "markWritten"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongLocks")
    void wrongLockIsDetected(LockMutation mutation) throws ReflectiveOperationException {
        assertNotEquals(0L, mutation.findSeed(SEEDS), "no seed detects the lock mutation");
    }
}
