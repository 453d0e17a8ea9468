package io.ublkzoned.backend.host;

/**
 * What one look at the host has found.
 *
 * @param subject what was looked at, a word or two
 * @param sentence what is there, and if that is not enough, what to do
 */
public record Finding(String subject, Verdict verdict, String sentence) {

    /** What it means for a device. */
    public enum Verdict {
        OK,
        /** Devices can be served, but not as well as could be, or not all that can be known is known. */
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
