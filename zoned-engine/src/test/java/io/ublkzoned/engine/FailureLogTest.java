package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.zone.BlockErrors;
import java.io.IOException;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** The bound on the log of a client that repeats a failing request. */
final class FailureLogTest {

    @Test
    void repeatedFailuresAreLoggedLessAndLess() {
        List<Long> logged = LongStream.rangeClosed(1, 200)
                .filter(FailureLog::isLogged)
                .boxed()
                .toList();
        assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 16L, 32L, 64L, 128L), logged);
    }

    @Test
    void everyFailureHasAnErrno() {
        FailureLog log = new FailureLog();
        for (int i = 0; i < 100; i++) {
            assertEquals(
                    -BlockErrors.ENOSPC, log.logAndGetErrno("flush", new ImageIoException("full", BlockErrors.ENOSPC)));
            assertEquals(-BlockErrors.EIO, log.logAndGetErrno("flush", new IOException("gone")));
            assertEquals(-BlockErrors.EIO, log.logAndGetErrno("flush", new IllegalStateException("a bug")));
        }
    }
}
