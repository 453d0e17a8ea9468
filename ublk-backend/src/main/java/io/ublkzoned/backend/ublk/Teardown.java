package io.ublkzoned.backend.ublk;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The steps that undo a set-up, run once, the last one added first. If a step fails, the others still run. Used by one
 * thread at a time.
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

    /** Adds a step that only {@link #runAfter} runs. It undoes something that stays after a set-up that succeeds. */
    void addForFailure(Closeable step) {
        steps.push(new Step(step, Occasion.FAILURE));
    }

    /** Adds a step that only {@link #run} runs. It must not run if the set-up fails. */
    void addForEnd(Closeable step) {
        steps.push(new Step(step, Occasion.END));
    }

    /** Undoes a set-up that succeeded. Throws the first failure, with the others attached. */
    void run() throws IOException {
        switch (run(Occasion.END)) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    /** Undoes a set-up that failed with {@code cause}, and attaches failures of the steps to it. */
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
