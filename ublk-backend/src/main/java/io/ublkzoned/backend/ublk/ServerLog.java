package io.ublkzoned.backend.ublk;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log of a server, one for all its classes. Setting up a log takes longer than any other step of a start, so its
 * first line, which sets it up, is written when the device is live.
 */
public final class ServerLog {

    public static final Logger LOG = LoggerFactory.getLogger("server");

    private ServerLog() {}
}
