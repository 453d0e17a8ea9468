package io.ublkzoned.engine;

/** A clock that wakes delayed requests. The engine has no clock and no thread, so its user provides one. */
@FunctionalInterface
public interface FaultTimer {

    /** Calls {@code wakeUp} once after a time, on any thread. Called under the device's lock, so it must not block. */
    void schedule(long delayNanos, Runnable wakeUp);
}
