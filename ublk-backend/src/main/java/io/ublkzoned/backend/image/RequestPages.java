package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkSubmissions;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.SubmissionQueue;

/**
 * The pages of requests as buffers of the queue's ring (SUPPORT_ZERO_COPY). The tag is the index of the buffer. Each
 * call queues a command. The kernel carries it out before any entry that is queued after it. The command delivers a
 * completion only if it fails.
 *
 * <p>On the data path, on the queue's thread.
 */
public final class RequestPages {

    private final SubmissionQueue submissions;
    private final int deviceFile;
    private final int queueId;
    private final long userData;

    /**
     * Gives the ring an empty table of buffers.
     *
     * @param ring of the queue
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

    /** Registers the pages of a request. If that fails, entries that use them fail with -EFAULT. */
    void register(int tag) {
        command(UblkCommands.IO_REGISTER_IO_BUF, tag);
    }

    /** Unregisters the pages. Call it before the commit: the kernel completes no request whose pages a ring holds. */
    void unregister(int tag) {
        command(UblkCommands.IO_UNREGISTER_IO_BUF, tag);
    }

    private void command(int command, int tag) {
        int flags = SubmissionQueue.FIXED_FILE | SubmissionQueue.SKIP_SUCCESS;
        UblkSubmissions.queueIo(submissions, deviceFile, command, queueId, tag, 0, tag, userData, flags);
    }
}
