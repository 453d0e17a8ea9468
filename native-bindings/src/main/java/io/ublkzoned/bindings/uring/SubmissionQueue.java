package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.generated.uring.uring_h;
import io.ublkzoned.bindings.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The entries (SQEs) that the next submit hands to the kernel: one method per operation, named after it.
 *
 * <p>On the data path, on the thread of the ring. A caller never sees a full queue: queued entries are then submitted
 * to make room, see {@link #reserve}. {@code fd} is a file descriptor, or an index of {@link IoUring#registerFiles}
 * with {@link #FIXED_FILE} in {@code sqeFlags}. Addresses are native ones, of memory that stays valid until the
 * completion. The completion returns {@code userData}.
 */
public final class SubmissionQueue {
    /**
     * Means that {@code fd} is an index of a registered file. This and the next constants are bits of {@code sqeFlags},
     * which may be 0.
     */
    public static final int FIXED_FILE = 1 << uring_h.IOSQE_FIXED_FILE_BIT();

    /** Starts the entry when all before it have completed, and holds back all after it. */
    public static final int DRAIN = 1 << uring_h.IOSQE_IO_DRAIN_BIT();
    /** Starts the next entry when this one has succeeded in full, and cancels it (-ECANCELED) otherwise. */
    public static final int LINK = 1 << uring_h.IOSQE_IO_LINK_BIT();
    /** Starts the next entry when this one has completed, whatever the result is. */
    public static final int HARDLINK = 1 << uring_h.IOSQE_IO_HARDLINK_BIT();
    /** Passes the entry to a worker thread at once. */
    public static final int ASYNC = 1 << uring_h.IOSQE_ASYNC_BIT();
    /** Delivers a completion only if the entry fails. */
    public static final int SKIP_SUCCESS = 1 << uring_h.IOSQE_CQE_SKIP_SUCCESS_BIT();

    private static final VarHandle INDEX = JAVA_INT.varHandle().withInvokeExactBehavior();

    private static final long TAIL = liburing_h.SQ_SQE_TAIL();
    // The operation, its flags and its file are the first eight bytes.
    private static final int FLAGS_SHIFT = Byte.SIZE * uring_h.SQE_FLAGS();
    private static final int FD_SHIFT = Byte.SIZE * uring_h.SQE_FD();
    private static final long OFFSET = uring_h.SQE_OFF(); // and cmd_op, of a command
    private static final long ADDRESS = uring_h.SQE_ADDR();
    private static final long LENGTH = uring_h.SQE_LEN();
    private static final long OPERATION_FLAGS_SHIFT = Byte.SIZE * (uring_h.SQE_RW_FLAGS() - LENGTH);
    private static final long USER_DATA = uring_h.SQE_USER_DATA();
    private static final long BUFFER_INDEX = uring_h.SQE_BUF_INDEX();
    private static final long COMMAND = uring_h.SQE_CMD();

    private static final int OP_NOP = uring_h.IORING_OP_NOP();
    private static final int OP_READ = uring_h.IORING_OP_READ();
    private static final int OP_WRITE = uring_h.IORING_OP_WRITE();
    private static final int OP_READ_FIXED = uring_h.IORING_OP_READ_FIXED();
    private static final int OP_WRITE_FIXED = uring_h.IORING_OP_WRITE_FIXED();
    private static final int OP_FSYNC = uring_h.IORING_OP_FSYNC();
    private static final int OP_FALLOCATE = uring_h.IORING_OP_FALLOCATE();
    private static final int OP_ASYNC_CANCEL = uring_h.IORING_OP_ASYNC_CANCEL();
    private static final int OP_URING_CMD = uring_h.IORING_OP_URING_CMD();
    private static final int FSYNC_DATASYNC = uring_h.IORING_FSYNC_DATASYNC();

    private final IoUring ring;
    private final MemorySegment queue;
    private final MemorySegment kernelHead;
    private final MemorySegment kernelFlags;
    private final MemorySegment entries;
    private final int entryCount;
    private final int indexMask;
    private final long entryBytes;

    private int tail; // of the queue: the end of the queued entries
    private int headSeen; // the kernel may have taken more by now

    /**
     * Maps the queue of a ring.
     *
     * @param queue struct io_uring_sq of liburing; io_uring_submit takes the entries before its tail
     */
    SubmissionQueue(IoUring ring, Arena arena, MemorySegment queue, boolean wideEntries) {
        this.ring = ring;
        this.queue = queue;
        this.entryCount = queue.get(JAVA_INT, liburing_h.SQ_RING_ENTRIES());
        this.indexMask = queue.get(JAVA_INT, liburing_h.SQ_RING_MASK());
        this.entryBytes = wideEntries ? 2 * uring_h.SQE_BYTES() : uring_h.SQE_BYTES();
        this.kernelHead = Liburing.pointer(arena, queue, liburing_h.SQ_KHEAD(), JAVA_INT.byteSize());
        this.kernelFlags = Liburing.pointer(arena, queue, liburing_h.SQ_KFLAGS(), JAVA_INT.byteSize());
        this.entries = Liburing.pointer(arena, queue, liburing_h.SQ_SQES(), entryCount * entryBytes);
        this.tail = (int) INDEX.get(queue, TAIL);
        this.headSeen = tail;
    }

    public void nop(long userData, int sqeFlags) {
        next(OP_NOP, -1, 0, 0, 0, 0, userData, sqeFlags);
    }

    /**
     * Reads up to {@code lengthBytes} at {@code offsetBytes} of the file. An eventfd is read with 8 bytes at offset 0.
     */
    public void read(int fd, long address, int lengthBytes, long offsetBytes, long userData, int sqeFlags) {
        next(OP_READ, fd, offsetBytes, address, lengthBytes, 0, userData, sqeFlags);
    }

    public void write(int fd, long address, int lengthBytes, long offsetBytes, long userData, int sqeFlags) {
        next(OP_WRITE, fd, offsetBytes, address, lengthBytes, 0, userData, sqeFlags);
    }

    /**
     * Reads into a registered buffer.
     *
     * @param address inside of the buffer; for a buffer that a driver registered, the offset in it
     */
    public void readFixed(
            int fd, int bufferIndex, long address, int lengthBytes, long offsetBytes, long userData, int sqeFlags) {
        next(OP_READ_FIXED, fd, offsetBytes, address, lengthBytes, bufferIndex, userData, sqeFlags);
    }

    /** Writes from a registered buffer; {@code address} as in {@link #readFixed}. */
    public void writeFixed(
            int fd, int bufferIndex, long address, int lengthBytes, long offsetBytes, long userData, int sqeFlags) {
        next(OP_WRITE_FIXED, fd, offsetBytes, address, lengthBytes, bufferIndex, userData, sqeFlags);
    }

    /** Syncs the whole file. With {@code dataOnly}, metadata that reading does not need are left out. */
    public void fsync(int fd, boolean dataOnly, long userData, int sqeFlags) {
        next(OP_FSYNC, fd, 0, 0, dataOnly ? (long) FSYNC_DATASYNC << OPERATION_FLAGS_SHIFT : 0, 0, userData, sqeFlags);
    }

    /** Changes the allocation of a file by fallocate(2). {@code mode} is FALLOC_FL_... bits. */
    public void fallocate(int fd, int mode, long offsetBytes, long lengthBytes, long userData, int sqeFlags) {
        // The length travels in the address, the mode in the length.
        next(OP_FALLOCATE, fd, offsetBytes, lengthBytes, mode, 0, userData, sqeFlags);
    }

    /**
     * Cancels the operation with {@code targetUserData}. The result is 0, -ENOENT if no such operation exists, or
     * -EALREADY if it is too late.
     */
    public void cancel(long targetUserData, long userData, int sqeFlags) {
        next(OP_ASYNC_CANCEL, -1, 0, targetUserData, 0, 0, userData, sqeFlags);
    }

    /**
     * Sends a file a command of its driver (IORING_OP_URING_CMD) with 16 bytes of arguments.
     *
     * @param command the driver's code, unsigned
     */
    public void command(int fd, int command, long first, long second, long userData, int sqeFlags) {
        long entry = next(OP_URING_CMD, fd, Integer.toUnsignedLong(command), 0, 0, 0, userData, sqeFlags);
        entries.set(JAVA_LONG, entry + COMMAND, first);
        entries.set(JAVA_LONG, entry + COMMAND + Long.BYTES, second);
    }

    /**
     * Sends a file a command of its driver with 80 bytes of arguments, all zero behind the third long.
     *
     * @param command the driver's code, unsigned
     * @throws IllegalStateException if the ring has no SQE128
     */
    public void wideCommand(int fd, int command, long first, long second, long third, long userData) {
        if (entryBytes == uring_h.SQE_BYTES()) {
            throw new IllegalStateException("a command with 80 bytes of arguments needs a ring with SQE128");
        }
        long entry = next(OP_URING_CMD, fd, Integer.toUnsignedLong(command), 0, 0, 0, userData, 0);
        entries.set(JAVA_LONG, entry + COMMAND, first);
        entries.set(JAVA_LONG, entry + COMMAND + Long.BYTES, second);
        entries.set(JAVA_LONG, entry + COMMAND + 2 * Long.BYTES, third);
    }

    /**
     * Makes room for {@code count} entries. If fewer are free, submits the queued ones. Call it before a chain of
     * linked entries, because a submission in the middle would cut the chain.
     *
     * @throws IllegalStateException if the kernel takes nothing, or the queue is too small
     */
    public void reserve(int count) {
        if (count <= free()) {
            return;
        }
        int result = ring.submit();
        if (count > free()) {
            String reason = result < 0 ? Errno.describe(-result) : "it has " + entryCount + " entries";
            throw new IllegalStateException("no room for " + count + " in the submission queue: " + reason);
        }
    }

    /** Returns the number of entries that can be queued before the next submit. */
    public int free() {
        headSeen = (int) INDEX.getAcquire(kernelHead, 0L);
        return entryCount - (tail - headSeen);
    }

    /** Returns whether the kernel has taken all queued entries. */
    public boolean isEmpty() {
        return free() == entryCount;
    }

    /** Returns whether the kernel holds back completions because their queue was full. */
    boolean completionsOverflowed() {
        int flags = (int) INDEX.getOpaque(kernelFlags, 0L);
        return (flags & uring_h.IORING_SQ_CQ_OVERFLOW()) != 0;
    }

    /**
     * Takes the next entry and fills in the fields that all operations share. Everything else in it is zero. Fields are
     * stored eight bytes at a time, because a store is several calls without the optimizing compiler.
     *
     * @param length in the lower half, the flags of the operation in the upper half
     * @return its offset in {@code entries}
     */
    private long next(
            int opcode, int fd, long offset, long address, long length, int bufferIndex, long userData, int sqeFlags) {
        if (tail - headSeen == entryCount) {
            reserve(1);
        }
        long entry = (tail & indexMask) * entryBytes;
        entries.set(JAVA_LONG, entry, opcode | (long) sqeFlags << FLAGS_SHIFT | (long) fd << FD_SHIFT);
        entries.set(JAVA_LONG, entry + OFFSET, offset);
        entries.set(JAVA_LONG, entry + ADDRESS, address);
        entries.set(JAVA_LONG, entry + LENGTH, length);
        entries.set(JAVA_LONG, entry + USER_DATA, userData);
        entries.set(JAVA_LONG, entry + BUFFER_INDEX, bufferIndex);
        for (long i = COMMAND; i < entryBytes; i += JAVA_LONG.byteSize()) {
            entries.set(JAVA_LONG, entry + i, 0L);
        }
        tail++;
        // A plain write: only io_uring_submit reads it, on this thread, and then stores the kernel's tail with release.
        INDEX.set(queue, TAIL, tail);
        return entry;
    }
}
