package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.zone.BlockErrors;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs what failed, and gives the errno that a request is answered with: a request always gets an answer.
 *
 * <p>What is not an {@link IOException} is a bug or a lack of memory. Its stack trace goes to the log, and the other requests
 * continue. An {@link AssertionError} and the like are not caught anywhere: after them nothing in memory can be relied on.
 *
 * <p>Repeated failures are counted, not repeated: of each kind the first ten are logged, then the 16th, the 32nd and so on.
 * Otherwise a client that repeats a failing request would fill the file system that holds the log. Any thread may call this.
 */
public final class FailureLog {

    private static final long LOGGED_FIRST = 10;

    /** Set up by the first failure: that takes longer than any other step of a start. */
    private static final class Lazy {
        static final Logger LOG = LoggerFactory.getLogger(FailureLog.class);
    }

    private final Map<String, AtomicLong> counts = new ConcurrentHashMap<>();

    /** Makes a log that has seen no failure yet. */
    public FailureLog() {}

    /**
     * Logs a failure.
     *
     * @param what failed: its kind, the same text each time
     * @return -errno
     */
    public int logAndGetErrno(String what, Throwable thrown) {
        return logAndGetErrno(what, "", thrown);
    }

    /** As {@link #logAndGetErrno(String, Throwable)}, with a word on where it failed, which may differ each time. */
    int logAndGetErrno(String what, String where, Throwable thrown) {
        long count = counts.computeIfAbsent(what, kind -> new AtomicLong()).incrementAndGet();
        if (isLogged(count)) {
            String times = count == 1 ? "" : ", for the " + count + "th time";
            if (thrown instanceof IOException) {
                Lazy.LOG.error("{}{} failed{}: {}", what, where, times, thrown.getMessage());
            } else {
                Lazy.LOG.error("{}{} failed by a bug{}", what, where, times, thrown);
            }
        }
        return thrown instanceof ImageIoException e ? -BlockErrors.ofFailedIo(e.errno()) : -BlockErrors.EIO;
    }

    /** Whether the failure of this number, from 1, is logged. */
    static boolean isLogged(long count) {
        return count <= LOGGED_FIRST || Long.bitCount(count) == 1;
    }
}
