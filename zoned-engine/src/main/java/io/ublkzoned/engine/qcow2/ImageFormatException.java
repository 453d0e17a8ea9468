package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/**
 * An error of a file that cannot be used as requested: not qcow2, damaged, or of an unsupported kind. The message is
 * one sentence that describes the problem and the remedy.
 */
public final class ImageFormatException extends IOException {

    private static final long serialVersionUID = 1L;

    /** @param message one sentence: the problem and the remedy */
    public ImageFormatException(String message) {
        super(message);
    }
}
