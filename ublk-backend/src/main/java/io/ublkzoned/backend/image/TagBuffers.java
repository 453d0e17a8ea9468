package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.Mapping;
import io.ublkzoned.bindings.ublk.UblkCommands;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The buffers for the data of a queue's requests, and the copies between them and the requests (UBLK_F_USER_COPY). A
 * tag takes a buffer when it needs one, and takes the buffer that was released last. So memory is used only for the
 * maximum number of buffers in use at the same time, and only for the parts of them that were ever filled.
 *
 * <p>On the data path, on the queue's thread.
 */
public final class TagBuffers {

    private static final int NONE = -1;

    private final int deviceFd;
    private final int queueId;
    private final int bufferBytes;
    private final MemorySegment memory;
    private final MemorySegment zeros;
    private final int[] bufferOf; // by tag
    private final int[] free; // a stack
    private int freeCount;

    /**
     * Makes the buffers. None is in use.
     *
     * @param arena owns the memory; outlives every operation on it
     * @param deviceFd {@code /dev/ublkcN}
     * @param bufferBytes the largest request, a multiple of the page size
     */
    public TagBuffers(Arena arena, int deviceFd, int queueId, int queueDepth, int bufferBytes) throws LinuxException {
        this.deviceFd = deviceFd;
        this.queueId = queueId;
        this.bufferBytes = bufferBytes;
        memory = Mapping.anonymous(arena, (long) queueDepth * bufferBytes);
        zeros = Mapping.anonymous(arena, bufferBytes).asReadOnly();
        bufferOf = new int[queueDepth];
        Arrays.fill(bufferOf, NONE);
        free = IntStream.range(0, queueDepth).toArray();
        freeCount = queueDepth;
    }

    /** Releases the buffer of a tag whose request has ended. */
    public void release(int tag) {
        if (bufferOf[tag] != NONE) {
            free[freeCount++] = bufferOf[tag];
            bufferOf[tag] = NONE;
        }
    }

    private long place(int tag, int offsetBytes) {
        if (bufferOf[tag] == NONE) {
            bufferOf[tag] = free[--freeCount];
        }
        return (long) bufferOf[tag] * bufferBytes + offsetBytes;
    }

    /** Returns the size of each buffer. */
    public int bufferBytes() {
        return bufferBytes;
    }

    /** Returns the offset in the device file of a byte of a request. */
    private long copyOffset(int tag, int requestOffsetBytes) {
        return UblkCommands.userCopyOffset(queueId, tag) + requestOffsetBytes;
    }

    /** Returns a part of the tag's buffer. It is valid until {@link #release}. */
    public MemorySegment part(int tag, int offsetBytes, int lengthBytes) {
        return memory.asSlice(place(tag, offsetBytes), lengthBytes);
    }

    long address(int tag, int offsetBytes) {
        return memory.address() + place(tag, offsetBytes);
    }

    /**
     * Copies a part of the request to the same place in its buffer.
     *
     * @return {@code lengthBytes}, or -errno
     */
    int copyIn(int tag, int offsetBytes, int lengthBytes) {
        return copyTo(address(tag, offsetBytes), tag, offsetBytes, lengthBytes);
    }

    /**
     * Copies a part of the buffer to the same place in its request.
     *
     * @return {@code lengthBytes}, or -errno
     */
    public int copyOut(int tag, int offsetBytes, int lengthBytes) {
        return copyFrom(address(tag, offsetBytes), tag, offsetBytes, lengthBytes);
    }

    /**
     * Copies a part of the request to native memory.
     *
     * @return {@code lengthBytes}, or -errno
     */
    int copyTo(long address, int tag, int offsetBytes, int lengthBytes) {
        return all(Libc.pread(deviceFd, address, lengthBytes, copyOffset(tag, offsetBytes)), lengthBytes);
    }

    /**
     * Copies native memory to a part of the request.
     *
     * @return {@code lengthBytes}, or -errno
     */
    int copyFrom(long address, int tag, int offsetBytes, int lengthBytes) {
        return all(Libc.pwrite(deviceFd, address, lengthBytes, copyOffset(tag, offsetBytes)), lengthBytes);
    }

    /**
     * Fills a part of the request with zeros.
     *
     * @return {@code lengthBytes}, or -errno
     */
    int zeroOut(int tag, int offsetBytes, int lengthBytes) {
        return copyFrom(zeros.address(), tag, offsetBytes, lengthBytes);
    }

    private static int all(long copied, int lengthBytes) {
        if (copied == lengthBytes) {
            return lengthBytes;
        }
        return copied < 0 ? (int) copied : -Errno.EIO;
    }
}
