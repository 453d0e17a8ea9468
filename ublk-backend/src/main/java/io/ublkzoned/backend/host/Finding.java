package io.ublkzoned.backend.host;

/**
 * The result of one check of the host.
 *
 * @param subject the checked part, a word or two
 * @param sentence the state of that part, and if that is not sufficient, what to do
 */
public record Finding(String subject, Verdict verdict, String sentence) {

    /** The consequence for devices. */
    public enum Verdict {
        OK,
        /** Devices can be served, but not as well as possible, or part of the state is not known. */
        WARNING,
        /** No device can be served. */
        PROBLEM
    }

    static Finding ok(String subject, String sentence) {
        return new Finding(subject, Verdict.OK, sentence);
    }

    static Finding warning(String subject, String sentence) {
        return new Finding(subject, Verdict.WARNING, sentence);
    }

    static Finding problem(String subject, String sentence) {
        return new Finding(subject, Verdict.PROBLEM, sentence);
    }
}
