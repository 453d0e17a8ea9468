package io.ublkzoned.backend.image;

import java.io.IOException;

/** Another process has the image locked; the message says which, where that is known. */
public final class ImageInUseException extends IOException {

    private static final long serialVersionUID = 1;

    ImageInUseException(String message) {
        super(message);
    }
}
