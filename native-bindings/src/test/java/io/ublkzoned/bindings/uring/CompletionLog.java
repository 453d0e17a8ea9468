package io.ublkzoned.bindings.uring;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A log of the completions of a ring, in order. */
final class CompletionLog implements CompletionHandler {
    private static final long PATIENCE_NANOS = 10_000_000_000L;

    final List<Long> order = new ArrayList<>();
    final Map<Long, Integer> results = new TreeMap<>();

    @Override
    public void onCompletion(long userData, int result, int flags) {
        order.add(userData);
        results.put(userData, result);
    }

    /** Submits, and waits until this log has {@code count} completions. */
    CompletionLog await(IoUring ring, int count) {
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (order.size() < count) {
            assertTrue(System.nanoTime() < end, () -> "only " + results + " after ten seconds");
            assertTrue(ring.submitAndWait(1, PATIENCE_NANOS) >= 0);
            ring.completions().drain(this, Integer.MAX_VALUE);
        }
        return this;
    }

    /** Submits one operation that was queued with {@code userData}, and returns its result. */
    static int resultOf(IoUring ring, long userData) {
        Map<Long, Integer> results = new CompletionLog().await(ring, 1).results;
        assertTrue(results.containsKey(userData), () -> "another operation completed: " + results);
        return results.getOrDefault(userData, 0);
    }
}
