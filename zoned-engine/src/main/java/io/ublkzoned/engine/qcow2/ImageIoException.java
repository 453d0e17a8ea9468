package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/** A failed call on the image file, with the errno that the kernel returned. */
public final class ImageIoException extends IOException {

    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param message the operation, the file and the error's name
     * @param errno the positive errno
     */
    public ImageIoException(String message, int errno) {
        super(message);
        this.errno = errno;
    }

    /** Returns the positive errno. */
    public int errno() {
        return errno;
    }
}
