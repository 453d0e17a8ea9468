package io.ublkzoned.backend.ublk;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server's log. One for all its classes, and set up by its first line, which a server writes when its device is live:
 * to set up a log takes longer than any other step until then.
 */
public final class ServerLog {

    public static final Logger LOG = LoggerFactory.getLogger("server");

    private ServerLog() {}
}
