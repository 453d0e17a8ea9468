package io.ublkzoned.engine.sim;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A scheduler that runs several threads, one at a time. A thread runs until its next yield point, where a seed decides
 * who continues. The same seed gives the same order.
 *
 * <p>The scheduler tracks the owners of monitors itself. A thread that wants another thread's monitor waits here, never
 * in the JVM. If no thread can continue, the run fails and reports which thread waits for what.
 *
 * <p>When one thread fails, the others end at their current yield points, like the threads of a killed process.
 */
final class Scheduler {

    /** The maximum number of yields, far more than any run needs. Threads that wake each other forever exceed it. */
    private static final int YIELDS_MAX = 300_000;

    /** The maximum rareness: a run changes threads at every yield point, or at one in up to 2^5. */
    private static final int RARENESS_MAX = 5;

    /** An error that ends a thread because another one has failed. The engine does not catch it. */
    private static final class Stopped extends Error {
        private static final long serialVersionUID = 1L;

        Stopped() {
            super("another thread has failed", null, false, false);
        }
    }

    private static final class Monitor {
        private @Nullable Task owner;
        private int depth;
    }

    private static final ThreadLocal<@Nullable Task> CURRENT = new ThreadLocal<>();

    private final SplittableRandom random;
    private final int rareness;
    private final Trace trace;
    private final RaceDetector races = new RaceDetector();
    private final List<Task> tasks = new ArrayList<>();
    private final IdentityHashMap<Object, Monitor> monitors = new IdentityHashMap<>();
    private @Nullable Thread caller;
    private @Nullable Throwable failure;
    private int yields;

    // Volatile, so that a thread sees all writes of the threads before it.
    private volatile @Nullable Task running;
    private volatile boolean over;

    Scheduler(long seed, Trace trace) {
        this.trace = trace;
        random = new SplittableRandom(seed);
        rareness = 1 << random.nextInt(RARENESS_MAX + 1);
    }

    /** Returns the calling thread, or null if no scheduler runs it. */
    static @Nullable Task current() {
        return CURRENT.get();
    }

    /** Makes the calling thread, which a scheduler runs, wait until the condition is true. */
    static void await(String what, BooleanSupplier condition) {
        Task task = CURRENT.get();
        if (task == null) {
            throw new AssertionError("a thread that no scheduler runs waits for " + what);
        }
        task.await(what, condition);
    }

    /** Adds a thread, which starts in {@link #run}. */
    void add(String name, Runnable work) {
        tasks.add(new Task(name, tasks.size(), work));
        races.addThread(name);
    }

    /** Runs all threads to their ends, and throws the error of the first thread that failed. */
    void run() {
        caller = Thread.currentThread();
        tasks.forEach(task -> task.thread.start());
        passOn();
        while (!over) {
            LockSupport.park(this);
        }
        switch (failure) {
            case null -> {}
            case Error error -> throw error;
            case RuntimeException exception -> throw exception;
            case Throwable other -> throw new AssertionError(other);
        }
    }

    /**
     * Passes the right to run to another thread after the running one has ended. If none is left, {@link #run} returns.
     */
    private void passOn() {
        Task next = failure == null ? draw() : null;
        if (next == null) {
            next = tasks.stream().filter(task -> !task.ended).findFirst().orElse(null);
            if (next != null && failure == null) {
                failure = deadlock();
            }
        }
        if (next == null) {
            over = true;
            LockSupport.unpark(caller);
        } else {
            resume(next);
        }
    }

    private AssertionError deadlock() {
        return new AssertionError("deadlock: " + tasks);
    }

    private void resume(Task next) {
        running = next;
        LockSupport.unpark(next.thread);
    }

    /** Returns one of the threads that can run, or null if none can. */
    private @Nullable Task draw() {
        Task drawn = null;
        int candidates = 0;
        for (Task task : tasks) {
            if (task.canRun() && random.nextInt(++candidates) == 0) {
                drawn = task;
            }
        }
        return drawn;
    }

    /** Ends all threads because of this error. */
    private void fail(Throwable reason) {
        if (failure == null) {
            failure = reason;
        }
    }

    /** One of the threads. It calls the methods of this class. */
    final class Task {

        private final String name;
        private final int number;
        private final Thread thread;
        private int monitorsHeld;
        private boolean isUnseen;
        private boolean ended;

        // The monitor or condition that it waits for.
        private @Nullable Monitor wanted;
        private @Nullable BooleanSupplier condition;
        private String conditionName = "";

        private Task(String name, int number, Runnable work) {
            this.name = name;
            this.number = number;
            thread = Thread.ofVirtual().name(name).unstarted(() -> live(work));
        }

        private void live(Runnable work) {
            CURRENT.set(this);
            try {
                awaitTurn();
                work.run();
            } catch (Throwable e) {
                fail(e);
            }
            ended = true;
            passOn();
        }

        private void awaitTurn() {
            while (running != this) {
                LockSupport.park(Scheduler.this);
            }
            requireNoFailure();
        }

        private void requireNoFailure() {
            if (failure != null) {
                throw new Stopped();
            }
        }

        private boolean canRun() {
            return !ended
                    && (wanted == null || wanted.owner == null)
                    && (condition == null || condition.getAsBoolean());
        }

        /** Lets the seed decide who continues. */
        void pause() {
            requireNoFailure();
            if (++yields > YIELDS_MAX) {
                throw new AssertionError("the threads never come to rest: " + tasks);
            }
            if (canRun() && random.nextInt(rareness) != 0) {
                return;
            }
            Task next = draw();
            if (next == null) {
                throw deadlock();
            }
            if (next != this) {
                trace.add("-> " + next.name, yields, 0, 0);
                resume(next);
                awaitTurn();
            }
        }

        private void await(String what, BooleanSupplier newCondition) {
            conditionName = what;
            condition = newCondition;
            pause();
            condition = null;
        }

        /** Waits until a monitor, which the thread enters next, is free. */
        void enter(Object lock) {
            Monitor monitor = monitors.computeIfAbsent(lock, key -> new Monitor());
            if (monitor.owner != this) {
                wanted = monitor;
                pause();
                wanted = null;
                monitor.owner = this;
            }
            monitor.depth++;
            monitorsHeld++;
            races.acquire(number, lock);
        }

        /** Records that the thread has left a monitor, possibly because of an exception. */
        void exit(Object lock) {
            Monitor monitor = monitors.get(lock);
            if (monitor == null) {
                throw new AssertionError("left a monitor that it has not entered");
            }
            races.release(number, lock);
            monitorsHeld--;
            if (--monitor.depth == 0) {
                monitor.owner = null;
            }
            if (failure == null) {
                pause();
            }
        }

        /** Reads fields without a yield point, regardless of other threads' uses. */
        long unseen(LongSupplier look) {
            isUnseen = true;
            long seen = look.getAsLong();
            isUnseen = false;
            return seen;
        }

        /** Marks that the thread is about to read or write a field that others may use. */
        void access(Object object, String field, String method, boolean writes) {
            if (isUnseen) {
                return;
            }
            if (monitorsHeld == 0 && failure == null) {
                pause();
            }
            races.access(number, object, field, method, writes);
        }

        /** Marks that the thread is about to read or write a volatile field. */
        void accessVolatile(Object object, String field) {
            if (failure == null) {
                pause();
            }
            races.synchronize(number, object, field);
        }

        /** Ends all threads; the caller throws the error in this one. */
        void stopAll(Throwable reason) {
            fail(reason);
        }

        @Override
        public String toString() {
            if (ended) {
                return name + " has ended";
            }
            if (wanted != null && wanted.owner != null) {
                return name + " waits for a monitor of " + wanted.owner.name;
            }
            return name + (condition == null ? " can run" : " waits for " + conditionName);
        }
    }
}
