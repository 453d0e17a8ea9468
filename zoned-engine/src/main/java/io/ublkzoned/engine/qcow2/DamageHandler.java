package io.ublkzoned.engine.qcow2;

/** A handler of damage that a reader finds. Opening an image refuses it; checking one continues. */
@FunctionalInterface
interface DamageHandler {

    /** Refuses the image. */
    DamageHandler REFUSE = sentence -> {
        throw new ImageFormatException(sentence + ": run ublk-zoned check to see all of the damage");
    };

    /**
     * Handles damage. If this returns, the reader skips the damaged part.
     *
     * @param sentence describes the damage
     */
    void handle(String sentence) throws ImageFormatException;
}
