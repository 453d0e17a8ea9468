package io.ublkzoned.engine.qcow2;

/** Where a reader of tables puts what is wrong with them: opening an image refuses it, checking one goes on. */
@FunctionalInterface
interface DamageSink {

    /** Refuses the image. */
    DamageSink REFUSE = sentence -> {
        throw new ImageFormatException(sentence + ": run ublk-zoned check to see all of the damage");
    };

    /**
     * Takes note of damage; the reader leaves the damaged part out if this returns.
     *
     * @param sentence what is wrong
     */
    void damage(String sentence) throws ImageFormatException;
}
