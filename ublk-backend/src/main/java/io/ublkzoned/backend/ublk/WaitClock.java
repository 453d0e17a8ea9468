package io.ublkzoned.backend.ublk;

import java.util.concurrent.TimeUnit;

/** The clock of a thread that waits and reports that every ten seconds. */
public final class WaitClock {

    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final long start = System.nanoTime();
    private long next = start + INTERVAL_NANOS;

    /** Returns the time until {@link #isDue} can be true; at least 1. */
    public long untilNextNanos() {
        return Math.max(1, next - System.nanoTime());
    }

    /** Returns whether another ten seconds have passed. */
    public boolean isDue() {
        if (System.nanoTime() < next) {
            return false;
        }
        next = System.nanoTime() + INTERVAL_NANOS;
        return true;
    }

    /** Returns how long the wait has lasted, in whole seconds. */
    public long seconds() {
        return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
    }
}
