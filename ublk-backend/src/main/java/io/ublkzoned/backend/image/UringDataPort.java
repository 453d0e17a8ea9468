package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
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

/**
 * Moves request data by user copy: between the request and its tag's buffer by pread and pwrite on {@code /dev/ublkcN},
 * between the buffer and the image by the queue's ring.
 *
 * <p>On the data path, on the queue's thread; allocates only where a request has more parts than any before it. The
 * copy is a plain call because it never waits, and the ring would hand it to a worker thread.
 */
public final class UringDataPort implements DataPort {

    private static final int INITIAL_PARTS = 8;
    private static final int TAG_BITS = 12; // UBLK_MAX_QUEUE_DEPTH is 4096

    /** The parts of one tag's request that are under way. */
    private static final class Parts {
        int count;
        int pending;
        int[] requestOffset = new int[INITIAL_PARTS];
        int[] length = new int[INITIAL_PARTS];
        int[] moved = new int[INITIAL_PARTS];
        long[] imageOffset = new long[INITIAL_PARTS];

        int add(int offset, long image, int bytes) {
            if (count == length.length) {
                requestOffset = Arrays.copyOf(requestOffset, 2 * count);
                length = Arrays.copyOf(length, 2 * count);
                moved = Arrays.copyOf(moved, 2 * count);
                imageOffset = Arrays.copyOf(imageOffset, 2 * count);
            }
            requestOffset[count] = offset;
            imageOffset[count] = image;
            length[count] = bytes;
            moved[count] = 0;
            pending++;
            return count++;
        }

        void done() {
            if (--pending == 0) {
                count = 0;
            }
        }
    }

    private final ZonedDevice device;
    private final SubmissionQueue submissions;
    private final int imageFd;
    private final TagBuffers buffers;
    private final BlockRequest[] requests;
    private final Parts[] parts;
    private final long userDataBits;

    /**
     * @param submissions of the queue's ring
     * @param imageFd the image, open for reading and writing
     * @param requests the queue's requests, by tag
     * @param userDataBits set in the user data of each operation, to tell them from the queue's own; the lower 48 are
     *     the port's
     */
    public UringDataPort(
            ZonedDevice device,
            SubmissionQueue submissions,
            int imageFd,
            TagBuffers buffers,
            BlockRequest[] requests,
            long userDataBits) {
        this.device = device;
        this.submissions = submissions;
        this.imageFd = imageFd;
        this.buffers = buffers;
        this.requests = requests;
        this.userDataBits = userDataBits;
        parts = new Parts[requests.length];
        Arrays.setAll(parts, tag -> new Parts());
    }

    @Override
    public void readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        int part = parts[request.tag()].add(requestOffsetBytes, imageOffsetBytes, lengthBytes);
        submit(request, part);
    }

    @Override
    public void writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        int copied = buffers.copyIn(request.tag(), requestOffsetBytes, lengthBytes);
        if (copied < 0) {
            device.partCompleted(request, copied);
            return;
        }
        int part = parts[request.tag()].add(requestOffsetBytes, imageOffsetBytes, lengthBytes);
        submit(request, part);
    }

    @Override
    public void comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        MemorySegment sent = buffers.part(request.tag(), requestOffsetBytes, lengthBytes);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment found = arena.allocate(lengthBytes);
            boolean same = imageOffsetBytes != ZoneMap.HOLE
                    && buffers.copyIn(request.tag(), requestOffsetBytes, lengthBytes) == lengthBytes
                    && Libc.preadFully(imageFd, found, imageOffsetBytes) == lengthBytes
                    && sent.mismatch(found) < 0;
            device.partCompleted(request, same ? lengthBytes : -Errno.EIO);
        }
    }

    @Override
    public void zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes) {
        device.partCompleted(request, buffers.zeroOut(request.tag(), requestOffsetBytes, lengthBytes));
    }

    /** Starts or goes on with the transfer of a part. */
    private void submit(BlockRequest request, int part) {
        Parts of = parts[request.tag()];
        int moved = of.moved[part];
        long address = buffers.address(request.tag(), of.requestOffset[part] + moved);
        int length = of.length[part] - moved;
        long offset = of.imageOffset[part] + moved;
        long userData = userDataBits | ((long) part << TAG_BITS) | request.tag();
        switch (request.op()) {
            case READ -> submissions.read(imageFd, address, length, offset, userData, 0);
            case WRITE, ZONE_APPEND -> submissions.write(imageFd, address, length, offset, userData, 0);
            case FLUSH, ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL ->
                throw new IllegalStateException(request.op() + " moves no data");
        }
    }

    /** An operation of this port has completed. */
    public void completed(long userData, int result) {
        int tag = (int) (userData & ((1 << TAG_BITS) - 1));
        int part = (int) ((userData & ~userDataBits) >>> TAG_BITS);
        BlockRequest request = requests[tag];
        Parts of = parts[tag];
        boolean isRead = request.op() == BlockOp.READ;
        if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
            submit(request, part);
            return;
        }
        int outcome = result;
        if (result > 0) {
            of.moved[part] += result;
            if (of.moved[part] < of.length[part]) {
                submit(request, part);
                return;
            }
        } else if (result == 0 && isRead) {
            int missing = of.length[part] - of.moved[part];
            buffers.part(tag, of.requestOffset[part] + of.moved[part], missing).fill((byte) 0);
            outcome = missing;
        } else if (result == 0) {
            outcome = -Errno.EIO;
        }
        if (outcome > 0 && isRead) {
            outcome = buffers.copyOut(tag, of.requestOffset[part], of.length[part]);
        }
        of.done();
        device.partCompleted(request, outcome);
    }
}
