package io.ublkzoned.backend.ublk;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** What has to be undone, latest first; a step that fails does not keep the others from being done. */
final class Teardown {

    private final ArrayDeque<Closeable> steps = new ArrayDeque<>();

    void add(Closeable step) {
        steps.push(step);
    }

    /** Does all steps, once. Throws what the first of the failed ones threw, with the others attached. */
    void run() throws IOException {
        Throwable first = null;
        for (Closeable step = steps.poll(); step != null; step = steps.poll()) {
            try {
                step.close();
            } catch (IOException | RuntimeException | Error e) {
                first = join(first, e);
            }
        }
        switch (first) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            default -> throw new AssertionError(first);
        }
    }

    /** Does all steps because of {@code cause}, to which their failures are attached. */
    void runAfter(Throwable cause) {
        try {
            run();
        } catch (IOException | RuntimeException | Error e) {
            cause.addSuppressed(e);
        }
    }

    private static Throwable join(@Nullable Throwable first, Throwable next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }
}
