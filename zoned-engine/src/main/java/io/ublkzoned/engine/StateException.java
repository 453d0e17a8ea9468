package io.ublkzoned.engine;

import java.io.IOException;

/**
 * An error of a saved state that does not belong to the image that it was compared with. The message gives the reason,
 * as the end of a sentence that begins with the image's name.
 */
public final class StateException extends IOException {

    private static final long serialVersionUID = 1;

    StateException(String message) {
        super(message);
    }
}
