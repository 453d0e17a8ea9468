package io.ublkzoned.engine.fault;

import java.util.random.RandomGenerator;

/**
 * The requests that are hit, among those that match.
 *
 * @param nth the number of the only one that is hit, from 1; 0 if this does not decide
 * @param every the distance between those that are hit; 0 if this does not decide
 * @param chance the numerator of the probability of a hit
 * @param outOf its denominator; 0 if this does not decide
 * @param times the maximum number of hits, 0 for no limit
 */
public record FaultFrequency(long nth, long every, long chance, long outOf, long times) {

    /**
     * Returns whether a request is hit.
     *
     * @param number of this request among those that match, from 1
     * @param hits the hits so far
     * @param random used only if chance decides
     */
    public boolean hits(long number, long hits, RandomGenerator random) {
        if (times != 0 && hits >= times) {
            return false;
        }
        if (outOf != 0) {
            return random.nextLong(outOf) < chance;
        }
        return nth != 0 ? number == nth : every == 0 || number % every == 0;
    }
}
