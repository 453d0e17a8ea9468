package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Full queues, handlers that misbehave, and waits that end early. */
@Tag("native")
class RingLimitsTest {
    private static final int ENTRIES = 4;
    private static final int CQ_ENTRIES = 8;
    private static final long ONE_MILLISECOND = 1_000_000;

    private IoUring ring;
    private SubmissionQueue queue;
    private CompletionQueue completions;

    @BeforeEach
    void makeRing() throws IOException {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        ring = IoUring.create(ENTRIES, CQ_ENTRIES, RingFlag.DEFER_TASKRUN);
        queue = ring.submissions();
        completions = ring.completions();
    }

    @AfterEach
    void closeRing() {
        if (ring != null) {
            ring.close();
        }
    }

    @Test
    void fullQueueIsSubmittedByTheNextEntry() {
        for (int i = 0; i < ENTRIES; i++) {
            assertEquals(ENTRIES - i, queue.free());
            queue.nop(i, 0);
        }
        assertEquals(0, queue.free());
        queue.nop(ENTRIES, 0);
        assertEquals(ENTRIES - 1, queue.free());
        assertEquals(List.of(0L, 1L, 2L, 3L, 4L), new CompletionLog().await(ring, 5).order);
    }

    @Test
    void reserveMakesRoomForAWholeChain() {
        queue.nop(1, 0);
        queue.nop(2, 0);
        queue.reserve(2);
        assertEquals(2, queue.free());
        queue.reserve(3);
        assertEquals(4, queue.free());
        IllegalStateException tooMany = assertThrows(IllegalStateException.class, () -> queue.reserve(5));
        assertEquals("no room for 5 in the submission queue: it has 4 entries", tooMany.getMessage());
    }

    @Test
    void noCompletionIsLostWhenTheQueueOverflows() {
        int count = 5 * CQ_ENTRIES;
        for (int i = 0; i < count; i++) {
            queue.nop(i, 0);
        }
        ring.submitAndWait(0);
        assertEquals(CQ_ENTRIES, completions.ready());
        CompletionLog log = new CompletionLog();
        assertEquals(count, completions.drain(log, Integer.MAX_VALUE));
        assertEquals(LongStream.range(0, count).boxed().toList(), log.order);
    }

    @Test
    void drainStopsAtItsBound() {
        for (int i = 0; i < 3; i++) {
            queue.nop(i, 0);
        }
        assertEquals(3, ring.submitAndWait(3));
        CompletionLog log = new CompletionLog();
        assertEquals(2, completions.drain(log, 2));
        assertEquals(1, completions.drain(log, 2));
        assertEquals(0, completions.drain(log, 2));
        assertEquals(List.of(0L, 1L, 2L), log.order);
    }

    @Test
    void completionOfAHandlerThatThrowsIsTaken() {
        queue.nop(1, 0);
        queue.nop(2, 0);
        ring.submitAndWait(2);
        CompletionHandler thrower = (userData, result, flags) -> {
            throw new UnsupportedOperationException("of " + userData);
        };
        assertThrows(UnsupportedOperationException.class, () -> completions.drain(thrower, 10));
        CompletionLog log = new CompletionLog();
        assertEquals(1, completions.drain(log, 10));
        assertEquals(List.of(2L), log.order);
    }

    @Test
    void handlerMayQueueAndDrain() {
        queue.nop(1, 0);
        queue.nop(2, 0);
        ring.submitAndWait(2);
        List<Long> order = new ArrayList<>();
        completions.drain(
                (userData, result, flags) -> {
                    order.add(userData);
                    queue.nop(userData + 10, 0);
                    ring.submitAndWait(1);
                    completions.drain((inner, innerResult, innerFlags) -> order.add(inner), 1);
                },
                1);
        assertEquals(List.of(1L, 2L), order);
        assertEquals(1, completions.ready());
    }

    @Test
    void waitEndsWithItsTimeout() throws IOException {
        try (FileDescriptor event = FileDescriptor.eventfd();
                Arena arena = Arena.ofConfined()) {
            long start = System.nanoTime();
            assertEquals(0, ring.submitAndWait(1, ONE_MILLISECOND));
            assertTrue(System.nanoTime() - start >= ONE_MILLISECOND);

            queue.read(event.value(), arena.allocate(JAVA_LONG).address(), 8, 0, 1, 0);
            queue.nop(2, 0);
            assertEquals(1, ring.submitAndWait(2, ONE_MILLISECOND));
            assertEquals(1, completions.drain(new CompletionLog(), 10));
            assertEquals(0, ring.submitAndWait(1, ONE_MILLISECOND));

            Libc.eventfdIncrement(event.value());
            assertEquals(1, ring.submitAndWait(1, 10_000 * ONE_MILLISECOND));
        }
    }

    @Test
    void waitForZeroCompletionsDoesNotBlock() {
        assertEquals(0, ring.submitAndWait(0));
        assertEquals(0, ring.submitAndWait(0, ONE_MILLISECOND));
        queue.nop(1, 0);
        assertEquals(1, ring.submitAndWait(0));
    }

    @Test
    void submitReturnsTheNumberOfSubmissionsTaken() {
        assertEquals(0, ring.submit());
        queue.nop(1, 0);
        queue.nop(2, 0);
        assertEquals(2, ring.submit());
    }
}
