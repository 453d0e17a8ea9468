package io.ublkzoned.engine;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a request is answered with when something was thrown on its way: an errno, since a request always gets an answer.
 * What is not an {@link IOException} is a bug or a lack of memory; its stack trace goes to the log, and the other requests
 * live on. An {@link AssertionError} and the like are not caught: after them nothing in memory can be relied on.
 */
final class Failures {

    private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

    private Failures() {}

    /**
     * Logs it.
     *
     * @param what failed
     * @return -errno
     */
    static int errno(String what, Throwable thrown) {
        if (thrown instanceof IOException) {
            LOG.error("{}: {}", what, thrown.getMessage());
        } else {
            LOG.error("{} failed by a bug", what, thrown);
        }
        return thrown instanceof ImageIoException e ? -BlockErrors.ofFailedIo(e.errno()) : -BlockErrors.EIO;
    }
}
