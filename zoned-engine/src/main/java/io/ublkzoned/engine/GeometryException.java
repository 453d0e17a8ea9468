package io.ublkzoned.engine;

/**
 * A geometry that no device can have. The message is one sentence that names the rule and, where there is one, a value
 * that works.
 */
public final class GeometryException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    private final String sentence;

    /** @param message one sentence: which rule is broken, and what to do */
    public GeometryException(String message) {
        super(message);
        sentence = message;
    }

    /** The sentence, never null. */
    @Override
    public String getMessage() {
        return sentence;
    }
}
