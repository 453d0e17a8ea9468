package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.ublkzoned.engine.zone.BlockErrors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The check of the checker: some seed fails for each fix that is removed from the engine. */
final class MutationTest {

    private static final long SEEDS = 30_000;

    static Stream<Mutation> fixes() {
        return Stream.of(
                // A failed sync ends the saved state, and data that is only cached is then not used.
                new Mutation("SyncGuard", "sync", "end", 0),
                new Mutation("qcow2.Qcow2Image", "open", "discardCache", 0),
                // A saved state is accepted only with its image.
                new Mutation("StateCheck", "requireSameAttach", "equals", 1),
                new Mutation("StateCheck", "requireSameAttach", "isClosedHere", 1),
                new Mutation("ZonedDevice", "reopen", "requireAcknowledgedData", 0),
                new Mutation("StateCheck", "hasData", "nextHole", Long.MAX_VALUE),
                // Appends are carried out once, and share no place.
                new Mutation("WriteCompleter", "accept", "recordAppend", 0),
                // Requests that are sent again succeed.
                new Mutation("RequestStarter", "startClose", "closeAgain", -BlockErrors.EIO),
                // Changes are checked when they run.
                new Mutation("ZoneChanges", "checkReset", "checkReset", 0),
                // A power cut undoes only what was not flushed.
                new Mutation("MetadataWriter", "runFlush", "flushBegins", 0),
                new Mutation("PendingWork", "flushDone", "forget", 0),
                new Mutation("UnflushedResets", "undo", "markStale", 0),
                new Mutation("qcow2.ZoneMap", "emptied", "markStale", 0),
                // No cluster is free because of its refcount alone, and free clusters are holes.
                new Mutation("qcow2.Qcow2Image", "openForWriting", "keepMapped", 0),
                new Mutation("MetadataWriter", "begin", "isClosedHere", 1));
    }

    @ParameterizedTest
    @MethodSource("fixes")
    void removedFixIsDetected(Mutation mutation) throws ReflectiveOperationException {
        assertNotEquals(0, mutation.findSeed(SEEDS), "no seed fails");
    }

    @Test
    void appendPlacesStoredLateAreDetected() {
        assertNotEquals(0, SeedSearch.findSeed(SEEDS, Defect.appendPlacesStoredLate()), "no seed fails");
    }
}
