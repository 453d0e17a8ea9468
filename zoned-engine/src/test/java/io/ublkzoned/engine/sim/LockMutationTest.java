package io.ublkzoned.engine.sim;

import static io.ublkzoned.engine.sim.LockMutation.split;
import static io.ublkzoned.engine.sim.LockMutation.withoutLock;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The check of the checker: each wrong use of the lock in the engine is found by some seed. */
final class LockMutationTest {

    private static final long SEEDS = 500;

    static Stream<LockMutation> wrongLocks() {
        return Stream.of(
                withoutLock("ZonedDevice", "submit", 1),
                withoutLock("MetadataWriter", "flushOnce", 2),
                withoutLock("MetadataWriter", "writeAll", 1),
                withoutLock("ReleasedSpace", "punch", 1),
                withoutLock("ReleasedSpace", "freePunched", 1),
                withoutLock("ZoneMapIo", "run", 1),
                withoutLock("ZoneMapIo", "load", 1),
                withoutLock("ZoneMapIo", "write", 1),
                withoutLock("ZoneChanges", "run", 1),
                // The entries that a queue adds in between are taken for written.
                split("ZoneMapIo", "write", 1, "markWritten"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongLocks")
    void wrongLockIsFound(LockMutation mutation) throws ReflectiveOperationException {
        assertNotEquals(0L, mutation.findSeed(SEEDS), "no seed misses the lock");
    }
}
