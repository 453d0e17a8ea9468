package io.ublkzoned.backend.image;

import java.io.IOException;
import java.nio.file.Path;

/** The refusal of an image that another process has locked. */
public final class ImageInUseException extends IOException {

    private static final long serialVersionUID = 1;

    private final transient Path image;

    ImageInUseException(Path image) {
        super(image + " is in use by another process, which has it locked as QEMU does");
        this.image = image;
    }

    /** Returns the path of the image as the user gave it. */
    public Path image() {
        return image;
    }
}
