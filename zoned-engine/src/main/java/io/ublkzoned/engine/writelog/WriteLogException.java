package io.ublkzoned.engine.writelog;

import java.io.IOException;

/** The failure to read a file as a write log, or to replay it. */
public final class WriteLogException extends IOException {

    private static final long serialVersionUID = 1L;

    /** @param message one sentence: the problem and, if possible, the remedy */
    public WriteLogException(String message) {
        super(message);
    }
}
