package io.ublkzoned.engine.zone;

/** A geometry that breaks a rule. The message is one sentence: the rule, and a value that works if one exists. */
public final class GeometryException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    private final String rule;
    private final String sentence;

    /** @param rule which rule is broken, and by what */
    public GeometryException(String rule) {
        super(rule);
        this.rule = rule;
        sentence = rule;
    }

    /**
     * An exception for one who chooses the geometry.
     *
     * @param rule which rule is broken, and by what
     * @param remedy what to choose instead
     */
    public GeometryException(String rule, String remedy) {
        super(rule + ": " + remedy);
        this.rule = rule;
        sentence = rule + ": " + remedy;
    }

    /** The sentence without the remedy, for one who cannot choose. */
    public String rule() {
        return rule;
    }

    /** The sentence, never null. */
    @Override
    public String getMessage() {
        return sentence;
    }
}
