package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/**
 * The file is not an image that can be used as asked: not qcow2, damaged, or of a kind that is not supported. The
 * message is one sentence that says what is wrong and what to do.
 */
public final class ImageFormatException extends IOException {

    private static final long serialVersionUID = 1L;

    /** @param message one sentence: what is wrong, and what to do */
    public ImageFormatException(String message) {
        super(message);
    }
}
