package io.ublkzoned.engine;

import java.io.IOException;

/**
 * A saved state is not that of the image that it was compared with. The message says why, as the end of a sentence that begins
 * with the image's name.
 */
public final class StateException extends IOException {

    private static final long serialVersionUID = 1;

    StateException(String message) {
        super(message);
    }
}
