package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublksrv_io_cmd;
import io.ublkzoned.bindings.uring.SubmissionQueue;

/**
 * The driver's commands as entries of a ring's submission queue. {@link UblkCommands} has their codes.
 *
 * <p>On the data path, on the ring's thread.
 */
public final class UblkSubmissions {
    private static final int IO_TAG_SHIFT = Byte.SIZE * (int) ublksrv_io_cmd.tag$offset();
    private static final int IO_RESULT_SHIFT = Byte.SIZE * (int) ublksrv_io_cmd.result$offset();

    private static final int CONTROL_QUEUE_SHIFT = Byte.SIZE * ublk_h.CTRL_CMD_QUEUE_ID();
    private static final int CONTROL_LENGTH_SHIFT = Byte.SIZE * ublk_h.CTRL_CMD_LEN();

    private UblkSubmissions() {}

    /**
     * Queues an I/O command (struct ublksrv_io_cmd) for {@code /dev/ublkcN}.
     *
     * @param fd of the char device, or its index with {@link SubmissionQueue#FIXED_FILE}
     * @param command IO_... of {@link UblkCommands}
     * @param result of the request, for the commands that commit one: bytes or -errno
     * @param address of the buffer, or its index in the ring's table; with UBLK_F_ZONED the sector of an append
     */
    public static void queueIo(
            SubmissionQueue queue,
            int fd,
            int command,
            int queueId,
            int tag,
            int result,
            long address,
            long userData,
            int sqeFlags) {
        long request = queueId | (long) tag << IO_TAG_SHIFT | (long) result << IO_RESULT_SHIFT;
        queue.command(fd, command, request, address, userData, sqeFlags);
    }

    /**
     * Queues a control command (struct ublksrv_ctrl_cmd) for {@code /dev/ublk-control}. It applies to the whole device,
     * not to one queue. The ring must have SQE128.
     *
     * @param address of a buffer that the command reads or fills
     * @param lengthBytes of the buffer, below 64 KiB
     * @throws IllegalStateException if the ring has no SQE128
     */
    public static void queueControl(
            SubmissionQueue queue,
            int fd,
            int command,
            int deviceId,
            long address,
            int lengthBytes,
            long data,
            long userData) {
        long target = Integer.toUnsignedLong(deviceId)
                | (UblkCommands.NO_QUEUE & 0xffffL) << CONTROL_QUEUE_SHIFT
                | (lengthBytes & 0xffffL) << CONTROL_LENGTH_SHIFT;
        queue.wideCommand(fd, command, target, address, data, userData);
    }
}
