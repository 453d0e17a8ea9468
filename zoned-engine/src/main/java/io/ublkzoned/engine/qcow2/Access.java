package io.ublkzoned.engine.qcow2;

/** What an image is opened for. */
public enum Access {
    /** The image is looked at; nothing is ever written to it. */
    READ_ONLY,
    /** The image is attached: it is recovered and completed first where that is needed. */
    READ_WRITE,
    /** The image is changed without being attached: as READ_WRITE, for every device that the format allows. */
    DETACHED
}
