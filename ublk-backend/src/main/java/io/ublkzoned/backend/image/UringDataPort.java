package io.ublkzoned.backend.image;

import static io.ublkzoned.bindings.uring.SubmissionQueue.FIXED_FILE;

import io.ublkzoned.backend.image.Transfer.Mode;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.uring.SubmissionQueue;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.BlockOp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The port that moves data between requests and the image.
 *
 * <p>The ring moves large requests directly from or to their pages, if the driver can register those
 * (SUPPORT_ZERO_COPY). For other requests, the driver copies from or to mapped pages of the image's page cache, if those
 * pages are cached. All other data go through the tag's buffer, by plain calls on the page cache, which measured faster than
 * the ring. The ring moves them if a read has to wait for a disk, or if data bypass the page cache. For holes, and for
 * data beyond the end of the file, zeros are copied to the request.
 *
 * <p>On the data path, on the queue's thread. Allocates only if a request of the tag has more parts than any before it.
 */
public final class UringDataPort implements DataPort {

    // From these lengths on, zero copy measured faster than two copies.
    private static final int LARGE_READ_BYTES_MIN = 16 << 10;
    private static final int LARGE_WRITE_BYTES_MIN = 32 << 10;
    private static final int BLOCK_BYTES_MAX = 4096; // the largest alignment of memory that O_DIRECT requires
    private static final int TAG_BITS = 12; // UBLK_MAX_QUEUE_DEPTH is 4096

    private final SubmissionQueue submissions;
    private final int imageFile;
    private final int imageFd;
    private final @Nullable CachedImage cachedImage;
    private final TagBuffers buffers;
    private final @Nullable RequestPages pages;
    private final BlockRequest[] requests;
    private final Transfer[] transfers;
    private final long userDataBits;

    /**
     * Makes the port of one queue.
     *
     * @param submissions of the queue's ring
     * @param requests of the queue, by tag
     * @param userDataBits set in the user data of each operation, to distinguish them from the queue's operations. The
     *     port uses the lower 48 bits.
     */
    public UringDataPort(
            SubmissionQueue submissions,
            RingImage image,
            RequestMemory memory,
            BlockRequest[] requests,
            long userDataBits) {
        this.submissions = submissions;
        imageFile = image.file();
        imageFd = image.data().value();
        cachedImage = image.cached();
        buffers = memory.buffers();
        pages = memory.pages();
        this.requests = requests;
        this.userDataBits = userDataBits;
        transfers = new Transfer[requests.length];
        Arrays.setAll(transfers, tag -> new Transfer());
    }

    /** Prepares for a request with data that the kernel has sent. Call it before the request is submitted. */
    public void received(int tag) {
        boolean onPages = pages != null && isLarge(requests[tag]);
        transfers[tag].begin(onPages ? Mode.PAGES : cachedImage != null ? Mode.CALLS : Mode.BUFFER);
    }

    private static boolean isLarge(BlockRequest request) {
        return request.lengthBytes() >= (request.op() == BlockOp.READ ? LARGE_READ_BYTES_MIN : LARGE_WRITE_BYTES_MIN);
    }

    /** Releases the buffer and the pages of a request. Call it for every request, before its commit. */
    public void release(int tag) {
        buffers.release(tag);
        if (pages != null && transfers[tag].pagesAreRegistered) {
            pages.unregister(tag);
            transfers[tag].pagesAreRegistered = false;
        }
    }

    @Override
    public int readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        if (copyMapped(request, requestOffsetBytes, imageOffsetBytes, lengthBytes)) {
            return lengthBytes;
        }
        return start(request, transfers[request.tag()].add(requestOffsetBytes, imageOffsetBytes, lengthBytes));
    }

    @Override
    public int writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        if (copyMapped(request, requestOffsetBytes, imageOffsetBytes, lengthBytes)) {
            return lengthBytes;
        }
        Transfer transfer = transfers[request.tag()];
        int copied = transfer.mode == Mode.PAGES ? 0 : buffers.copyIn(request.tag(), requestOffsetBytes, lengthBytes);
        return copied < 0 ? copied : start(request, transfer.add(requestOffsetBytes, imageOffsetBytes, lengthBytes));
    }

    @Override
    public int comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        if (imageOffsetBytes == ZoneMap.HOLE) {
            return 0;
        }
        int copied = buffers.copyIn(request.tag(), requestOffsetBytes, lengthBytes);
        if (copied < 0) {
            return copied;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment found = arena.allocate(lengthBytes, BLOCK_BYTES_MAX);
            long read = Libc.preadFully(imageFd, found, imageOffsetBytes);
            if (read < lengthBytes) {
                return read < 0 ? (int) read : 0; // 0: the file ends there
            }
            MemorySegment sent = buffers.part(request.tag(), requestOffsetBytes, lengthBytes);
            return sent.mismatch(found) < 0 ? lengthBytes : 0;
        }
    }

    @Override
    public int erasePart(long imageOffsetBytes, int lengthBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(lengthBytes, BLOCK_BYTES_MAX);
            return (int) Libc.pwriteFully(imageFd, zeros, imageOffsetBytes);
        }
    }

    @Override
    public int readImage(long imageOffsetBytes, byte[] target) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment found = arena.allocate(target.length, BLOCK_BYTES_MAX); // zeros past the end of the file
            long read = Libc.preadFully(imageFd, found, imageOffsetBytes);
            MemorySegment.ofArray(target).copyFrom(found);
            return read < 0 ? (int) read : target.length;
        }
    }

    @Override
    public int zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes) {
        return buffers.zeroOut(request.tag(), requestOffsetBytes, lengthBytes);
    }

    /**
     * Lets the driver copy a part from or to the mapped page cache. Returns false if the part has to move in another
     * way, because its pages are not cached, or because they could not be used; the other way then reports the reason.
     */
    private boolean copyMapped(BlockRequest request, int requestOffset, long imageOffset, int length) {
        int tag = request.tag();
        if (cachedImage == null || transfers[tag].mode != Mode.CALLS) {
            return false;
        }
        boolean isRead = request.op() == BlockOp.READ;
        long address =
                isRead ? cachedImage.mapped(imageOffset, length) : cachedImage.mappedForWriting(imageOffset, length);
        if (address == 0) {
            return false;
        }
        int copied = isRead
                ? buffers.copyFrom(address, tag, requestOffset, length)
                : buffers.copyTo(address, tag, requestOffset, length);
        return copied == length;
    }

    /** Moves a part by plain calls, or makes the ring start to move it. */
    private int start(BlockRequest request, int part) {
        Transfer transfer = transfers[request.tag()];
        if (transfer.mode == Mode.CALLS && cachedImage != null) {
            long result = call(cachedImage, request, part);
            if (result >= 0) {
                return end(request, part, (int) result);
            }
            transfer.mode = Mode.BUFFER; // the ring waits for the disk, or reports the errno of the failure
            transfer.moved[part] = 0;
        }
        submit(request, part);
        return PENDING;
    }

    /** Moves a part by plain calls. Returns the last call's result: negative on an error, 0 at the end of the file. */
    private long call(CachedImage cached, BlockRequest request, int part) {
        Transfer transfer = transfers[request.tag()];
        long result = 1;
        while (result > 0 && transfer.moved[part] < transfer.length[part]) {
            int moved = transfer.moved[part];
            long address = buffers.address(request.tag(), transfer.requestOffset[part] + moved);
            int length = transfer.length[part] - moved;
            long offset = transfer.imageOffset[part] + moved;
            result = request.op() == BlockOp.READ
                    ? cached.read(address, length, offset)
                    : cached.write(address, length, offset);
            transfer.moved[part] += (int) Math.max(0, result);
        }
        return result;
    }

    /** Queues an operation that moves the rest of a part. */
    private void submit(BlockRequest request, int part) {
        int tag = request.tag();
        Transfer transfer = transfers[tag];
        long userData = userDataBits | ((long) part << TAG_BITS) | tag;
        int moved = transfer.moved[part];
        int requestOffset = transfer.requestOffset[part] + moved;
        int length = transfer.length[part] - moved;
        long offset = transfer.imageOffset[part] + moved;
        boolean isRead = request.op() == BlockOp.READ;
        if (!transfer.copied[part] && pages != null && !transfer.pagesAreRegistered) {
            pages.register(tag);
            transfer.pagesAreRegistered = true;
        }
        if (!transfer.copied[part] && isRead) {
            submissions.readFixed(imageFile, tag, requestOffset, length, offset, userData, FIXED_FILE);
        } else if (!transfer.copied[part]) {
            submissions.writeFixed(imageFile, tag, requestOffset, length, offset, userData, FIXED_FILE);
        } else if (isRead) {
            submissions.read(imageFile, buffers.address(tag, requestOffset), length, offset, userData, FIXED_FILE);
        } else {
            submissions.write(imageFile, buffers.address(tag, requestOffset), length, offset, userData, FIXED_FILE);
        }
    }

    /** Returns the request that an operation of this port belongs to. */
    public BlockRequest request(long userData) {
        return requests[(int) (userData & ((1 << TAG_BITS) - 1))];
    }

    private int part(long userData) {
        return (int) ((userData & ~userDataBits) >>> TAG_BITS);
    }

    /**
     * Continues the part whose operation has completed. If this throws, call {@link #failed}.
     *
     * @param result of the operation
     * @return the bytes moved or -errno if the part has ended, or {@link #PENDING}
     */
    public int completed(long userData, int result) {
        BlockRequest request = request(userData);
        int part = part(userData);
        Transfer transfer = transfers[request.tag()];
        if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
            submit(request, part);
            return PENDING;
        }
        if ((result == -Errno.EFAULT || result == -Errno.EINVAL) && !transfer.copied[part]) {
            return copyInstead(request, part);
        }
        if (result > 0) {
            transfer.moved[part] += result;
            if (transfer.moved[part] < transfer.length[part]) {
                submit(request, part);
                return PENDING;
            }
        }
        return end(request, part, result);
    }

    /**
     * Repeats a part through the tag's buffer. Either its pages could not be registered, for instance for lack of
     * memory (EFAULT), or their alignment does not suffice for O_DIRECT on the image's disk (EINVAL).
     */
    private int copyInstead(BlockRequest request, int part) {
        Transfer transfer = transfers[request.tag()];
        transfer.copied[part] = true;
        transfer.moved[part] = 0;
        int copied = request.op() == BlockOp.READ
                ? 0
                : buffers.copyIn(request.tag(), transfer.requestOffset[part], transfer.length[part]);
        if (copied < 0) {
            transfer.endPart();
            return copied;
        }
        submit(request, part);
        return PENDING;
    }

    /** Ends the part after {@link #completed} threw. Returns -errno. */
    public int failed(long userData) {
        transfers[request(userData).tag()].endPart();
        return -Errno.EIO;
    }

    /** Ends a part whose last operation had this result. Returns the bytes moved, or -errno. */
    private int end(BlockRequest request, int part, int result) {
        int outcome = request.op() == BlockOp.READ ? bringRead(request.tag(), part, result) : result;
        transfers[request.tag()].endPart();
        return outcome == 0 ? -Errno.EIO : outcome;
    }

    /** Copies to the request the data that were read, and zeros for the part beyond the end of the file. */
    private int bringRead(int tag, int part, int result) {
        if (result < 0) {
            return result;
        }
        Transfer transfer = transfers[tag];
        int offset = transfer.requestOffset[part];
        int moved = transfer.moved[part];
        int missing = transfer.length[part] - moved;
        int copied = transfer.copied[part] && moved > 0 ? buffers.copyOut(tag, offset, moved) : moved;
        return copied < 0 || missing == 0 ? copied : buffers.zeroOut(tag, offset + moved, missing);
    }
}
