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
 * The log of failures. It also returns the errno for the failed request, so that every request is completed.
 *
 * <p>A failure that is not an {@link IOException} is a bug or a lack of memory. Its stack trace is logged, and other
 * requests continue. An {@link AssertionError} or a similar error is not caught anywhere, because nothing in memory can
 * be trusted after it.
 *
 * <p>Repeated failures are counted. Of each kind the first ten are logged, then the 16th, the 32nd and so on. Otherwise
 * a client that repeats a failing request would fill the file system that holds the log. Any thread may call it.
 */
public final class FailureLog {

    private static final long LOGGED_FIRST = 10;

    /** The logger, initialized by the first failure, because that takes longer than any other step of a start. */
    private static final class Lazy {
        static final Logger LOG = LoggerFactory.getLogger(FailureLog.class);
    }

    private final Map<String, AtomicLong> counts = new ConcurrentHashMap<>();

    /** Creates a log without failures. */
    public FailureLog() {}

    /**
     * Logs a failure.
     *
     * @param what the kind of failure, the same text each time
     * @return -errno
     */
    public int logAndGetErrno(String what, Throwable thrown) {
        return logAndGetErrno(what, "", thrown);
    }

    /** Like {@link #logAndGetErrno(String, Throwable)}, with the place of the failure, which may differ each time. */
    int logAndGetErrno(String what, String where, Throwable thrown) {
        long count = counts.computeIfAbsent(what, kind -> new AtomicLong()).incrementAndGet();
        if (isLogged(count)) {
            String times = count == 1 ? "" : ", for the " + count + "th time";
            if (thrown instanceof IOException) {
                Lazy.LOG.error("{}{} failed{}: {}", what, where, times, thrown.getMessage());
            } else {
                Lazy.LOG.error("{}{} failed because of a bug{}", what, where, times, thrown);
            }
        }
        return thrown instanceof ImageIoException e ? -BlockErrors.ofFailedIo(e.errno()) : -BlockErrors.EIO;
    }

    /** Returns whether the failure with this number, counted from 1, is logged. */
    static boolean isLogged(long count) {
        return count <= LOGGED_FIRST || Long.bitCount(count) == 1;
    }
}
