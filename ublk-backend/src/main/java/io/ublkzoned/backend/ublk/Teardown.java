package io.ublkzoned.backend.ublk;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The steps that undo what was set up, run once and latest first. A step that fails does not keep the others from
 * running. Used by one thread at a time.
 */
final class Teardown {

    private enum Occasion {
        ALWAYS,
        FAILURE,
        END
    }

    private record Step(Closeable action, Occasion occasion) {}

    private final ArrayDeque<Step> steps = new ArrayDeque<>();

    void add(Closeable step) {
        steps.push(new Step(step, Occasion.ALWAYS));
    }

    /** Adds a step that only {@link #runAfter} takes: it undoes what would stay if the set-up had succeeded. */
    void addForFailure(Closeable step) {
        steps.push(new Step(step, Occasion.FAILURE));
    }

    /** Adds a step that only {@link #run} takes: it must not be taken before the set-up has succeeded. */
    void addForEnd(Closeable step) {
        steps.push(new Step(step, Occasion.END));
    }

    /** Runs the steps of a set-up that had succeeded. Throws the first failure, with the others attached. */
    void run() throws IOException {
        switch (run(Occasion.END)) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    /** Runs the steps of a set-up that {@code cause} has ended, and attaches their failures to that. */
    void runAfter(Throwable cause) {
        Throwable failure = run(Occasion.FAILURE);
        if (failure != null) {
            cause.addSuppressed(failure);
        }
    }

    private @Nullable Throwable run(Occasion occasion) {
        Throwable first = null;
        for (Step step = steps.poll(); step != null; step = steps.poll()) {
            if (step.occasion != Occasion.ALWAYS && step.occasion != occasion) {
                continue;
            }
            try {
                step.action.close();
            } catch (IOException | RuntimeException | Error e) {
                first = join(first, e);
            }
        }
        return first;
    }

    private static Throwable join(@Nullable Throwable first, Throwable next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }
}
