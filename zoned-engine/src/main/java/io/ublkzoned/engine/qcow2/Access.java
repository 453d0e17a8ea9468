package io.ublkzoned.engine.qcow2;

/** The purpose for which an image is opened. */
public enum Access {
    /** Read the image. Nothing is ever written to it. */
    READ_ONLY,
    /** Attach the image. It is first recovered and completed where needed. */
    READ_WRITE,
    /** Change the image without attaching it. Like READ_WRITE, but for every device that the format allows. */
    DETACHED
}
