package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.generated.uring.io_uring_cqe;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The completions (CQEs) that the kernel has delivered. On the data path, on the thread of the ring.
 *
 * <p>If the queue is full, the kernel keeps further completions. {@link #drain} fetches them, so none is lost.
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

    private int head; // equals the value of the kernel: only this class changes it
    private int tailSeen; // the kernel may have delivered more by now

    /**
     * Maps the queue of a ring.
     *
     * @param queue struct io_uring_cq of liburing
     */
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

    /** Returns the number of completions that a drain would find without a call into the kernel. */
    public int ready() {
        tailSeen = (int) INDEX.getAcquire(kernelTail, 0L);
        return tailSeen - head;
    }

    /**
     * Passes completions to {@code handler} in the order of their delivery. Does not wait. Each is taken out before the
     * handler sees it, so a handler may throw, submit or drain.
     *
     * @param max the maximum number of completions to pass
     * @return the number of completions passed
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
