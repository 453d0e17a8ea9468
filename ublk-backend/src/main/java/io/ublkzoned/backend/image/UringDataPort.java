package io.ublkzoned.backend.image;

import static io.ublkzoned.bindings.uring.SubmissionQueue.FIXED_FILE;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.uring.SubmissionQueue;
import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.ZoneMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Moves request data between requests and the image.
 *
 * <p>Large requests are moved by the ring on their own pages, where the driver can register those (SUPPORT_ZERO_COPY).
 * All others go through the tag's buffer: by plain calls on the page cache, which measured better than the ring, except
 * what a read has to wait for; by the ring if data bypass the page cache. Holes, and what lies beyond the end of the
 * file, are copied zeros.
 *
 * <p>On the data path, on the queue's thread; allocates only where a request has more parts than any before it.
 */
public final class UringDataPort implements DataPort {

    // From here on zero copy measured better than two copies.
    private static final int LARGE_READ_BYTES_MIN = 16 << 10;
    private static final int LARGE_WRITE_BYTES_MIN = 32 << 10;
    private static final int INITIAL_PARTS = 8;
    private static final int BLOCK_BYTES_MAX = 4096; // what O_DIRECT wants memory to be aligned to, at most
    private static final int TAG_BITS = 12; // UBLK_MAX_QUEUE_DEPTH is 4096

    /** How the data of a request move. */
    private enum Way {
        /** By plain calls, through the tag's buffer. */
        CALLS,
        /** By the ring, through the tag's buffer. */
        BUFFER,
        /** By the ring, on the request's own pages. */
        PAGES
    }

    /** The parts of one tag's request that are under way; {@code copied} are those that go through the tag's buffer. */
    private static final class Parts {
        Way way = Way.CALLS;
        boolean pagesAreRegistered;
        int count;
        int pending;
        int[] requestOffset = new int[INITIAL_PARTS];
        int[] length = new int[INITIAL_PARTS];
        int[] moved = new int[INITIAL_PARTS];
        boolean[] copied = new boolean[INITIAL_PARTS];
        long[] imageOffset = new long[INITIAL_PARTS];

        int add(int offset, long image, int bytes) {
            if (count == length.length) {
                requestOffset = Arrays.copyOf(requestOffset, 2 * count);
                length = Arrays.copyOf(length, 2 * count);
                moved = Arrays.copyOf(moved, 2 * count);
                copied = Arrays.copyOf(copied, 2 * count);
                imageOffset = Arrays.copyOf(imageOffset, 2 * count);
            }
            requestOffset[count] = offset;
            imageOffset[count] = image;
            length[count] = bytes;
            moved[count] = 0;
            copied[count] = way != Way.PAGES;
            pending++;
            return count++;
        }

        void done() {
            if (--pending == 0) {
                count = 0;
            }
        }

        /** Also what a transfer that threw has left. */
        void forget() {
            pending = 0;
            count = 0;
        }
    }

    private final ZonedDevice device;
    private final SubmissionQueue submissions;
    private final int imageFile;
    private final int imageFd;
    private final @Nullable CachedImage cachedImage;
    private final TagBuffers buffers;
    private final @Nullable RequestPages pages;
    private final BlockRequest[] requests;
    private final Parts[] parts;
    private final long userDataBits;

    /**
     * @param submissions of the queue's ring
     * @param imageFile the image's index among the ring's files
     * @param image its data, open for reading and writing
     * @param cachedImage null if data are not to go through the page cache
     * @param pages null if the driver cannot register them
     * @param requests the queue's requests, by tag
     * @param userDataBits set in the user data of each operation, to tell them from the queue's own; the lower 48 are
     *     the port's
     */
    public UringDataPort(
            ZonedDevice device,
            SubmissionQueue submissions,
            int imageFile,
            FileDescriptor image,
            @Nullable CachedImage cachedImage,
            TagBuffers buffers,
            @Nullable RequestPages pages,
            BlockRequest[] requests,
            long userDataBits) {
        this.device = device;
        this.submissions = submissions;
        this.imageFile = imageFile;
        this.imageFd = image.value();
        this.cachedImage = cachedImage;
        this.buffers = buffers;
        this.pages = pages;
        this.requests = requests;
        this.userDataBits = userDataBits;
        parts = new Parts[requests.length];
        Arrays.setAll(parts, tag -> new Parts());
    }

    /** A request with data has come from the kernel, and is about to be submitted. */
    public void received(int tag) {
        Parts of = parts[tag];
        of.forget();
        of.way = pages != null && isLarge(requests[tag]) ? Way.PAGES : cachedImage != null ? Way.CALLS : Way.BUFFER;
    }

    private static boolean isLarge(BlockRequest request) {
        return request.lengthBytes() >= (request.op() == BlockOp.READ ? LARGE_READ_BYTES_MIN : LARGE_WRITE_BYTES_MIN);
    }

    /** The request, of whatever kind, is about to be committed: its buffer and its pages are let go. */
    public void release(int tag) {
        buffers.release(tag);
        if (pages != null && parts[tag].pagesAreRegistered) {
            pages.unregister(tag);
            parts[tag].pagesAreRegistered = false;
        }
    }

    @Override
    public void readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        submit(request, parts[request.tag()].add(requestOffsetBytes, imageOffsetBytes, lengthBytes));
    }

    @Override
    public void writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        Parts of = parts[request.tag()];
        int copied = of.way == Way.PAGES ? 0 : buffers.copyIn(request.tag(), requestOffsetBytes, lengthBytes);
        if (copied < 0) {
            device.partCompleted(request, copied);
            return;
        }
        submit(request, of.add(requestOffsetBytes, imageOffsetBytes, lengthBytes));
    }

    @Override
    public void comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        int result = imageOffsetBytes == ZoneMap.HOLE
                ? 0
                : compare(request.tag(), requestOffsetBytes, imageOffsetBytes, lengthBytes);
        device.partCompleted(request, result);
    }

    private int compare(int tag, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        int copied = buffers.copyIn(tag, requestOffsetBytes, lengthBytes);
        if (copied < 0) {
            return copied;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment found = arena.allocate(lengthBytes, BLOCK_BYTES_MAX);
            long read = Libc.preadFully(imageFd, found, imageOffsetBytes);
            if (read < lengthBytes) {
                return read < 0 ? (int) read : 0; // of a file that ends there
            }
            return buffers.part(tag, requestOffsetBytes, lengthBytes).mismatch(found) < 0 ? lengthBytes : 0;
        }
    }

    @Override
    public void zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes) {
        device.partCompleted(request, buffers.zeroOut(request.tag(), requestOffsetBytes, lengthBytes));
    }

    /** Starts or goes on with the transfer of a part. */
    private void submit(BlockRequest request, int part) {
        int tag = request.tag();
        Parts of = parts[tag];
        long userData = userDataBits | ((long) part << TAG_BITS) | tag;
        if (of.way == Way.CALLS && cachedImage != null) {
            long moved = call(cachedImage, request, part);
            if (moved >= 0) {
                completed(userData, (int) moved);
                return;
            }
            of.way = Way.BUFFER; // to wait, or to fail once more and say why
            of.moved[part] = 0;
        }
        int moved = of.moved[part];
        int requestOffset = of.requestOffset[part] + moved;
        int length = of.length[part] - moved;
        long offset = of.imageOffset[part] + moved;
        boolean isRead = request.op() == BlockOp.READ;
        if (!of.copied[part] && pages != null && !of.pagesAreRegistered) {
            pages.register(tag);
            of.pagesAreRegistered = true;
        }
        if (!of.copied[part] && isRead) {
            submissions.readFixed(imageFile, tag, requestOffset, length, offset, userData, FIXED_FILE);
        } else if (!of.copied[part]) {
            submissions.writeFixed(imageFile, tag, requestOffset, length, offset, userData, FIXED_FILE);
        } else if (isRead) {
            submissions.read(imageFile, buffers.address(tag, requestOffset), length, offset, userData, FIXED_FILE);
        } else {
            submissions.write(imageFile, buffers.address(tag, requestOffset), length, offset, userData, FIXED_FILE);
        }
    }

    private long call(CachedImage cached, BlockRequest request, int part) {
        Parts of = parts[request.tag()];
        int moved = of.moved[part];
        long address = buffers.address(request.tag(), of.requestOffset[part] + moved);
        int length = of.length[part] - moved;
        long offset = of.imageOffset[part] + moved;
        return request.op() == BlockOp.READ
                ? cached.read(address, length, offset)
                : cached.write(address, length, offset);
    }

    /** An operation of this port has completed; if this throws, {@link #failed} has to follow. */
    public void completed(long userData, int result) {
        int tag = tag(userData);
        int part = (int) ((userData & ~userDataBits) >>> TAG_BITS);
        BlockRequest request = requests[tag];
        Parts of = parts[tag];
        if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
            submit(request, part);
            return;
        }
        if ((result == -Errno.EFAULT || result == -Errno.EINVAL) && !of.copied[part]) {
            copyInstead(request, part);
            return;
        }
        if (result > 0) {
            of.moved[part] += result;
            if (of.moved[part] < of.length[part]) {
                submit(request, part);
                return;
            }
        }
        int outcome = request.op() == BlockOp.READ ? readOutcome(tag, part, result) : result;
        if (outcome == 0) {
            outcome = -Errno.EIO;
        }
        finish(request, outcome);
    }

    private void finish(BlockRequest request, int outcome) {
        parts[request.tag()].done();
        device.partCompleted(request, outcome);
    }

    /**
     * The pages could not be registered after all, for want of memory for instance (EFAULT), or are not aligned as
     * O_DIRECT on the image's disk wants them (EINVAL).
     */
    private void copyInstead(BlockRequest request, int part) {
        Parts of = parts[request.tag()];
        of.copied[part] = true;
        of.moved[part] = 0;
        int copied = request.op() == BlockOp.READ
                ? 0
                : buffers.copyIn(request.tag(), of.requestOffset[part], of.length[part]);
        if (copied < 0) {
            finish(request, copied);
        } else {
            submit(request, part);
        }
    }

    /** The completion of an operation has thrown: the part that it moved fails. */
    public void failed(long userData) {
        finish(requests[tag(userData)], -Errno.EIO);
    }

    private static int tag(long userData) {
        return (int) (userData & ((1 << TAG_BITS) - 1));
    }

    /** Brings what was read, and zeros for what lies beyond the end of the file, to the request. */
    private int readOutcome(int tag, int part, int result) {
        Parts of = parts[tag];
        int offset = of.requestOffset[part];
        int moved = of.moved[part];
        int missing = of.length[part] - moved;
        if (result < 0) {
            return result;
        }
        int copied = of.copied[part] && moved > 0 ? buffers.copyOut(tag, offset, moved) : moved;
        return copied < 0 || missing == 0 ? copied : buffers.zeroOut(tag, offset + moved, missing);
    }
}
