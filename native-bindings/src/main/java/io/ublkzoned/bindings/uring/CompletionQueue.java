package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.liburing.io_uring_cq;
import io.ublkzoned.bindings.generated.uring.io_uring_cqe;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The completions (CQEs) that the kernel has delivered. On the data path, on the ring's thread.
 *
 * <p>Completions that found the queue full are kept by the kernel; {@link #drain} fetches them, so none is lost.
 */
public final class CompletionQueue {
    private static final VarHandle INDEX = JAVA_INT.varHandle().withInvokeExactBehavior();
    private static final long USER_DATA = io_uring_cqe.user_data$offset();
    private static final long RESULT = io_uring_cqe.res$offset();
    private static final long FLAGS = io_uring_cqe.flags$offset();
    private static final long ENTRY_BYTES = io_uring_cqe.sizeof();

    private final IoUring ring;
    private final SubmissionQueue submissions;
    private final MemorySegment kernelHead;
    private final MemorySegment kernelTail;
    private final MemorySegment entries;
    private final int indexMask;

    /** @param queue liburing's struct io_uring_cq */
    CompletionQueue(IoUring ring, Arena arena, MemorySegment queue, SubmissionQueue submissions) {
        this.ring = ring;
        this.submissions = submissions;
        this.indexMask = io_uring_cq.ring_mask(queue);
        this.kernelHead = io_uring_cq.khead(queue).reinterpret(JAVA_INT.byteSize(), arena, null);
        this.kernelTail = io_uring_cq.ktail(queue).reinterpret(JAVA_INT.byteSize(), arena, null);
        this.entries = io_uring_cq.cqes(queue).reinterpret(io_uring_cq.ring_entries(queue) * ENTRY_BYTES, arena, null);
    }

    /** Completions that a drain would find without asking the kernel. */
    public int ready() {
        return (int) INDEX.getAcquire(kernelTail, 0L) - head();
    }

    /**
     * Hands completions to {@code handler} in the order of their delivery, and does not wait. Each is taken out before
     * the handler sees it, so that a handler may throw, submit, or drain itself.
     *
     * @param max upper bound of one call
     * @return completions handed out
     */
    public int drain(CompletionHandler handler, int max) {
        int handled = 0;
        while (handled < max && available()) {
            int head = head();
            long entry = (head & indexMask) * ENTRY_BYTES;
            long userData = entries.get(JAVA_LONG, entry + USER_DATA);
            int result = entries.get(JAVA_INT, entry + RESULT);
            int flags = entries.get(JAVA_INT, entry + FLAGS);
            INDEX.setRelease(kernelHead, 0L, head + 1);
            handled++;
            handler.onCompletion(userData, result, flags);
        }
        return handled;
    }

    private boolean available() {
        if (ready() == 0 && submissions.completionsOverflowed()) {
            ring.flushOverflow();
        }
        return ready() != 0;
    }

    // Only this class writes the head.
    private int head() {
        return (int) INDEX.get(kernelHead, 0L);
    }
}
