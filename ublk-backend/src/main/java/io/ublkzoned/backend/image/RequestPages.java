package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkSubmissions;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.SubmissionQueue;

/**
 * Requests' own pages as buffers of the queue's ring, the tag being the index (SUPPORT_ZERO_COPY). Each call queues a
 * command, which the kernel carries out before what is queued behind it, and which completes only if it fails.
 *
 * <p>On the data path, on the queue's thread.
 */
public final class RequestPages {

    private final SubmissionQueue submissions;
    private final int deviceFile;
    private final int queueId;
    private final long userData;

    /**
     * Gives the ring a table of buffers, empty as yet.
     *
     * @param ring the queue's
     * @param deviceFile the index of {@code /dev/ublkcN} among the ring's files
     * @param userData of a command's completion
     */
    public RequestPages(IoUring ring, int deviceFile, int queueId, int queueDepth, long userData)
            throws LinuxException {
        submissions = ring.submissions();
        this.deviceFile = deviceFile;
        this.queueId = queueId;
        this.userData = userData;
        ring.registerBuffersSparse(queueDepth);
    }

    /** What is queued next finds the request's pages, or fails with -EFAULT. */
    void register(int tag) {
        command(UblkCommands.IO_REGISTER_IO_BUF, tag);
    }

    /** The request's commit is to follow: the kernel would not complete it while the ring has its pages. */
    void unregister(int tag) {
        command(UblkCommands.IO_UNREGISTER_IO_BUF, tag);
    }

    private void command(int command, int tag) {
        int flags = SubmissionQueue.FIXED_FILE | SubmissionQueue.SKIP_SUCCESS;
        UblkSubmissions.queueIo(submissions, deviceFile, command, queueId, tag, 0, tag, userData, flags);
    }
}
