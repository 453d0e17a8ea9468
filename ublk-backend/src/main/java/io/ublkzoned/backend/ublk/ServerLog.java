package io.ublkzoned.backend.ublk;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log of a server, shared by all its classes. Its first line sets it up, which takes longer than any other step of
 * a start. So no class logs before the device is live, except to report a failure.
 */
public final class ServerLog {

    public static final Logger LOG = LoggerFactory.getLogger("server");

    private ServerLog() {}
}
