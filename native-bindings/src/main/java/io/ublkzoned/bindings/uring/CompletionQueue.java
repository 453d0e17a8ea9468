package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.liburing.liburing_h;
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
    private static final long FLAGS_SHIFT = Byte.SIZE * (io_uring_cqe.flags$offset() - RESULT);
    private static final long ENTRY_BYTES = io_uring_cqe.sizeof();

    private final IoUring ring;
    private final SubmissionQueue submissions;
    private final MemorySegment kernelHead;
    private final MemorySegment kernelTail;
    private final MemorySegment entries;
    private final int indexMask;

    private int head; // as the kernel has it: only this class moves it
    private int tailSeen; // the kernel may have delivered more by now

    /** @param queue liburing's struct io_uring_cq */
    CompletionQueue(IoUring ring, Arena arena, MemorySegment queue, SubmissionQueue submissions) {
        this.ring = ring;
        this.submissions = submissions;
        this.indexMask = queue.get(JAVA_INT, liburing_h.CQ_RING_MASK());
        this.kernelHead = Liburing.pointer(arena, queue, liburing_h.CQ_KHEAD(), JAVA_INT.byteSize());
        this.kernelTail = Liburing.pointer(arena, queue, liburing_h.CQ_KTAIL(), JAVA_INT.byteSize());
        long entryCount = queue.get(JAVA_INT, liburing_h.CQ_RING_ENTRIES());
        this.entries = Liburing.pointer(arena, queue, liburing_h.CQ_CQES(), entryCount * ENTRY_BYTES);
        this.head = (int) INDEX.get(kernelHead, 0L);
        this.tailSeen = head;
    }

    /** Completions that a drain would find without asking the kernel. */
    public int ready() {
        tailSeen = (int) INDEX.getAcquire(kernelTail, 0L);
        return tailSeen - head;
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
            long entry = (head & indexMask) * ENTRY_BYTES;
            long userData = entries.get(JAVA_LONG, entry + USER_DATA);
            long resultAndFlags = entries.get(JAVA_LONG, entry + RESULT);
            head++;
            INDEX.setRelease(kernelHead, 0L, head);
            handled++;
            handler.onCompletion(userData, (int) resultAndFlags, (int) (resultAndFlags >>> FLAGS_SHIFT));
        }
        return handled;
    }

    private boolean available() {
        if (head != tailSeen) {
            return true;
        }
        if (ready() == 0 && submissions.completionsOverflowed()) {
            ring.flushOverflow();
        }
        return ready() != 0;
    }
}
