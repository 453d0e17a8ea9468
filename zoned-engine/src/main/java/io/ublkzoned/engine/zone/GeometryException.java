package io.ublkzoned.engine.zone;

/**
 * An error of a geometry that violates a rule. The message is one sentence: the rule, and a valid value if one exists.
 */
public final class GeometryException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    private final String rule;
    private final String sentence;

    /** @param rule the violated rule and the value that violates it */
    public GeometryException(String rule) {
        super(rule);
        this.rule = rule;
        sentence = rule;
    }

    /**
     * Creates an error for a user who can choose the geometry.
     *
     * @param rule the violated rule and the value that violates it
     * @param remedy the value to choose instead
     */
    public GeometryException(String rule, String remedy) {
        super(rule + ": " + remedy);
        this.rule = rule;
        sentence = rule + ": " + remedy;
    }

    /** Returns the sentence without the remedy, for a user who cannot choose. */
    public String rule() {
        return rule;
    }

    /** Returns the sentence, which is never null. */
    @Override
    public String getMessage() {
        return sentence;
    }
}
