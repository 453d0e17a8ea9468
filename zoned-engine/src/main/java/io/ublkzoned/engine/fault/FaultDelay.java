package io.ublkzoned.engine.fault;

import java.util.random.RandomGenerator;

/**
 * The time for which a request waits before the device carries it out, drawn evenly between two values.
 *
 * @param minNanos the least time
 * @param maxNanos the greatest time, inclusive
 */
public record FaultDelay(long minNanos, long maxNanos) {

    static final FaultDelay NONE = new FaultDelay(0, 0);

    /** The request waits until it is released. */
    static final FaultDelay STALL = new FaultDelay(Long.MAX_VALUE, Long.MAX_VALUE);

    public boolean isNone() {
        return maxNanos == 0;
    }

    public boolean isStall() {
        return minNanos == Long.MAX_VALUE;
    }

    /** Draws a time. */
    public long draw(RandomGenerator random) {
        return minNanos == maxNanos ? minNanos : random.nextLong(minNanos, maxNanos + 1);
    }
}
