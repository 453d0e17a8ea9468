package io.ublkzoned.engine.sim;

import java.util.function.LongSupplier;

/**
 * The calls that {@link Instrumentation} adds to the engine. They do nothing on threads that no {@link Scheduler} runs.
 */
public final class YieldPoints {

    private YieldPoints() {}

    /** Marks that a monitor is about to be entered. */
    public static void entering(Object lock) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.enter(lock);
        }
    }

    /** Marks that a monitor was left. */
    public static void left(Object lock) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.exit(lock);
        }
    }

    /** Marks that a field that can change is about to be read. */
    public static void reading(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.access(object, field, method, false);
        }
    }

    /** Marks that a field is about to be written. */
    public static void writing(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.access(object, field, method, true);
        }
    }

    /** Marks that a volatile field is about to be read or written. */
    public static void usingVolatile(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.accessVolatile(object, field);
        }
    }

    /** Reads state of the engine without a yield point, regardless of other threads. */
    static long unseen(LongSupplier look) {
        Scheduler.Task task = Scheduler.current();
        return task == null ? look.getAsLong() : task.unseen(look);
    }

    /** Marks a step between two actions of the engine's surroundings. */
    static void pause() {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.pause();
        }
    }

    /** Kills the process here, with all its threads. */
    static void stopAll(Throwable reason) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.stopAll(reason);
        }
    }
}
