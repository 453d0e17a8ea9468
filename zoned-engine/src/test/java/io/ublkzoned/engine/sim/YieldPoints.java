package io.ublkzoned.engine.sim;

import java.util.function.LongSupplier;

/** The calls that {@link Instrumentation} puts into the engine. They do nothing on threads that no {@link Scheduler} runs. */
public final class YieldPoints {

    private YieldPoints() {}

    /** Before a monitor is entered. */
    public static void entering(Object lock) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.enter(lock);
        }
    }

    /** After a monitor was left. */
    public static void left(Object lock) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.exit(lock);
        }
    }

    /** Before a field is read that can change. */
    public static void reading(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.access(object, field, method, false);
        }
    }

    /** Before a field is written. */
    public static void writing(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.access(object, field, method, true);
        }
    }

    /** Before a volatile field is read or written. */
    public static void usingVolatile(Object object, String field, String method) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.accessVolatile(object, field);
        }
    }

    /** Looks at something of the engine as none of its threads does: without a yield point, whatever others do to it. */
    static long unseen(LongSupplier look) {
        Scheduler.Task task = Scheduler.current();
        return task == null ? look.getAsLong() : task.unseen(look);
    }

    /** Between two steps of what is around the engine. */
    static void pause() {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.pause();
        }
    }

    /** The process dies here, and its other threads with this one. */
    static void stopAll(Throwable reason) {
        Scheduler.Task task = Scheduler.current();
        if (task != null) {
            task.stopAll(reason);
        }
    }
}
