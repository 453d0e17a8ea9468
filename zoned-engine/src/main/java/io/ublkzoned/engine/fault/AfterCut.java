package io.ublkzoned.engine.fault;

/** The fate of a device whose power was cut. */
public enum AfterCut {
    /** The device is gone. */
    STOP,
    /** The power comes back, and with it the same device. */
    CONTINUE;

    /**
     * Reads a word as people type it.
     *
     * @throws IllegalArgumentException with a sentence
     */
    public static AfterCut parse(String word) {
        return switch (word) {
            case "stop" -> STOP;
            case "continue" -> CONTINUE;
            default -> throw new IllegalArgumentException("'%s' is not stop or continue".formatted(word));
        };
    }
}
