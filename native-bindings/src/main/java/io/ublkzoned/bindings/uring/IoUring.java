package io.ublkzoned.bindings.uring;

import io.ublkzoned.bindings.generated.liburing.__kernel_timespec;
import io.ublkzoned.bindings.generated.liburing.iovec;
import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.generated.uring.uring_h;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.NativeFunction;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One io_uring: a queue of submissions, a queue of completions, and the calls into the kernel between them.
 *
 * <p>One thread makes, uses and closes a ring. {@link #submit} and the waits are on the data path: they allocate
 * nothing and throw only after {@link #close}. The thread must close its ring before it ends. Closing does not wait, so
 * a caller that gave memory to operations in flight waits for their completions first.
 */
public final class IoUring implements AutoCloseable {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final Arena arena;
    private final MemorySegment ring;
    private final int setupFlags;
    private final MemorySegment timeout;
    private final MemorySegment firstCompletion;
    private final SubmissionQueue submissions;
    private final CompletionQueue completions;

    private IoUring(Arena arena, MemorySegment ring, int setupFlags) {
        this.arena = arena;
        this.ring = ring;
        this.setupFlags = setupFlags;
        this.timeout = arena.allocate(__kernel_timespec.layout());
        this.firstCompletion = arena.allocate(ValueLayout.ADDRESS);
        this.submissions = new SubmissionQueue(
                this, arena, ring.asSlice(liburing_h.RING_SQ(), liburing_h.SQ_BYTES()), has(RingFlag.SQE128));
        this.completions = new CompletionQueue(
                this, arena, ring.asSlice(liburing_h.RING_CQ(), liburing_h.CQ_BYTES()), submissions);
    }

    /**
     * Makes a ring for the calling thread. Flags that the kernel does not support are left out, see {@link #has}.
     *
     * @param entries room for submissions, rounded up to a power of two
     * @param cqEntries room for completions, rounded up likewise; 0 means twice {@code entries}
     * @throws IOException if io_uring is not available, with the reason, or if the kernel does not support SQE128 and
     *     it is wanted
     * @throws LinuxException if the kernel refuses the ring
     */
    public static IoUring create(int entries, int cqEntries, RingFlag... wanted) throws IOException {
        return create(RingFeatures.ofThisKernel(), entries, cqEntries, wanted);
    }

    static IoUring create(RingFeatures features, int entries, int cqEntries, RingFlag... wanted) throws IOException {
        if (!features.available()) {
            throw new IOException(features.unavailableReason());
        }
        int flags = cqEntries == 0 ? 0 : uring_h.IORING_SETUP_CQSIZE();
        for (RingFlag flag : wanted) {
            if (features.supports(flag)) {
                flags |= flag.bits();
            } else if (flag == RingFlag.SQE128) {
                throw new IOException(
                        "this kernel's io_uring has no 128-byte submission entries: Linux 5.19 or newer has them");
            }
        }
        Arena arena = Arena.ofConfined();
        MemorySegment ring = Liburing.allocateRing(arena);
        int result = Liburing.queueInit(entries, ring, flags, cqEntries);
        if (result < 0) {
            arena.close();
            throw new LinuxException("io_uring_queue_init(" + entries + " entries)", -result);
        }
        // Saves each io_uring_enter a lookup in the file table. The kernel refuses this for more than 16 rings of a
        // thread; further rings work, but are slower.
        Liburing.registerRingFd(ring);
        return new IoUring(arena, ring, flags);
    }

    /** Returns whether the ring has this flag. */
    public boolean has(RingFlag flag) {
        return (setupFlags & flag.bits()) == flag.bits();
    }

    public SubmissionQueue submissions() {
        return submissions;
    }

    public CompletionQueue completions() {
        return completions;
    }

    /**
     * Hands queued submissions to the kernel. Does not wait. With DEFER_TASKRUN this delivers no completions; {@code
     * submitAndWait(0)} does.
     *
     * @return the number of submissions taken, or -errno
     */
    public int submit() {
        return Liburing.submit(address());
    }

    /**
     * Submits, then blocks until at least {@code minComplete} completions are ready to drain, or a signal arrives. With
     * 0 it does not block, but lets the kernel deliver completions.
     *
     * @return the number of completions ready to drain, or -errno
     */
    public int submitAndWait(int minComplete) {
        return readyOr(
                minComplete == 0
                        ? Liburing.submitAndGetEvents(address())
                        : Liburing.submitAndWait(address(), minComplete));
    }

    private long address() {
        return NativeFunction.address(ring);
    }

    /**
     * Submits and waits as {@link #submitAndWait(int)}, for at most {@code timeoutNanos}.
     *
     * @return the number of completions ready to drain, fewer than {@code minComplete} after a time-out; or -errno
     */
    public int submitAndWait(int minComplete, long timeoutNanos) {
        if (minComplete == 0) {
            return submitAndWait(0);
        }
        __kernel_timespec.tv_sec(timeout, timeoutNanos / NANOS_PER_SECOND);
        __kernel_timespec.tv_nsec(timeout, timeoutNanos % NANOS_PER_SECOND);
        return readyOr(Liburing.submitAndWaitTimeout(address(), firstCompletion, minComplete, timeout));
    }

    // After a time-out, versions of liburing return different results. The content of the queue is the same.
    private int readyOr(int result) {
        return result >= 0 || result == -Errno.ETIME || result == -Errno.EINTR ? completions.ready() : result;
    }

    /** Makes the kernel move the completions that it kept while the queue was full into the queue. */
    void flushOverflow() {
        Liburing.getEvents(address());
    }

    /** Registers {@code fds} by their index, for submissions with {@link SubmissionQueue#FIXED_FILE}. */
    public void registerFiles(int... fds) throws LinuxException {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment files = call.allocateFrom(ValueLayout.JAVA_INT, fds);
            check(Liburing.registerFiles(ring, files, fds.length), "io_uring_register_files");
        }
    }

    /** Releases all registered files. The kernel does not close a file while it is registered. */
    public void unregisterFiles() throws LinuxException {
        check(Liburing.unregisterFiles(ring), "io_uring_unregister_files");
    }

    /**
     * Pins {@code buffers} and registers them by their index, for the fixed operations. They must outlive the
     * registration.
     */
    public void registerBuffers(MemorySegment... buffers) throws LinuxException {
        try (Arena call = Arena.ofConfined()) {
            check(Liburing.registerBuffers(ring, iovecs(call, buffers), buffers.length), "io_uring_register_buffers");
        }
    }

    /** Makes a table of {@code count} empty slots. Commands of a driver fill them with buffers of the kernel. */
    public void registerBuffersSparse(int count) throws LinuxException {
        check(Liburing.registerBuffersSparse(ring, count), "io_uring_register_buffers_sparse");
    }

    private static MemorySegment iovecs(Arena arena, MemorySegment... buffers) {
        MemorySegment iovecs = iovec.allocateArray(buffers.length, arena);
        for (int i = 0; i < buffers.length; i++) {
            MemorySegment element = iovec.asSlice(iovecs, i);
            iovec.iov_base(element, buffers[i]);
            iovec.iov_len(element, buffers[i].byteSize());
        }
        return iovecs;
    }

    private static void check(int result, String function) throws LinuxException {
        if (result < 0) {
            throw new LinuxException(function, -result);
        }
    }

    /** Closes the ring. Later calls do nothing. Methods that use the ring then throw IllegalStateException. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            Liburing.queueExit(ring);
            arena.close();
        }
    }
}
