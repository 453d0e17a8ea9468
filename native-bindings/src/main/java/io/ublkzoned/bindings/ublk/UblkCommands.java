package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.ublk.ublk_h;

/**
 * The commands for {@code /dev/ublk-control} and {@code /dev/ublkcN}, and the offsets in the latter. The header's codes
 * are unsigned 32-bit numbers, narrowed here to the int that an SQE takes.
 */
public final class UblkCommands {
    public static final String CONTROL_DEVICE_PATH = "/dev/ublk-control";
    public static final String CHAR_DEVICE_PATH_PREFIX = "/dev/ublkc";
    public static final String BLOCK_DEVICE_PATH_PREFIX = "/dev/ublkb";

    public static final int GET_FEATURES = (int) ublk_h.UBLK_U_CMD_GET_FEATURES();
    public static final int ADD_DEV = (int) ublk_h.UBLK_U_CMD_ADD_DEV();
    public static final int GET_DEV_INFO = (int) ublk_h.UBLK_U_CMD_GET_DEV_INFO();
    public static final int GET_DEV_INFO2 = (int) ublk_h.UBLK_U_CMD_GET_DEV_INFO2();
    public static final int SET_PARAMS = (int) ublk_h.UBLK_U_CMD_SET_PARAMS();
    public static final int GET_PARAMS = (int) ublk_h.UBLK_U_CMD_GET_PARAMS();
    public static final int GET_QUEUE_AFFINITY = (int) ublk_h.UBLK_U_CMD_GET_QUEUE_AFFINITY();
    public static final int START_DEV = (int) ublk_h.UBLK_U_CMD_START_DEV();
    public static final int STOP_DEV = (int) ublk_h.UBLK_U_CMD_STOP_DEV();
    public static final int TRY_STOP_DEV = (int) ublk_h.UBLK_U_CMD_TRY_STOP_DEV();
    public static final int QUIESCE_DEV = (int) ublk_h.UBLK_U_CMD_QUIESCE_DEV();
    public static final int UPDATE_SIZE = (int) ublk_h.UBLK_U_CMD_UPDATE_SIZE();
    public static final int START_USER_RECOVERY = (int) ublk_h.UBLK_U_CMD_START_USER_RECOVERY();
    public static final int END_USER_RECOVERY = (int) ublk_h.UBLK_U_CMD_END_USER_RECOVERY();
    public static final int DEL_DEV = (int) ublk_h.UBLK_U_CMD_DEL_DEV();
    public static final int DEL_DEV_ASYNC = (int) ublk_h.UBLK_U_CMD_DEL_DEV_ASYNC();

    /** The device id of {@link #ADD_DEV} that leaves the choice to the kernel. */
    public static final int ANY_DEVICE = -1;
    /** The queue id of the control commands that are not for a single queue. */
    public static final int NO_QUEUE = -1;
    /** The number of bytes that {@link #GET_FEATURES} fills and requires. */
    public static final int FEATURES_BYTES = ublk_h.UBLK_FEATURES_LEN();

    public static final int IO_FETCH_REQ = (int) ublk_h.UBLK_U_IO_FETCH_REQ();
    public static final int IO_COMMIT_AND_FETCH_REQ = (int) ublk_h.UBLK_U_IO_COMMIT_AND_FETCH_REQ();
    public static final int IO_NEED_GET_DATA = (int) ublk_h.UBLK_U_IO_NEED_GET_DATA();
    public static final int IO_REGISTER_IO_BUF = (int) ublk_h.UBLK_U_IO_REGISTER_IO_BUF();
    public static final int IO_UNREGISTER_IO_BUF = (int) ublk_h.UBLK_U_IO_UNREGISTER_IO_BUF();

    /** The result of an I/O command that succeeded. */
    public static final int IO_RES_OK = ublk_h.UBLK_IO_RES_OK();

    /** The result of an I/O command when the device is going away: do not fetch again. */
    public static final int IO_RES_ABORT = -19; // -ENODEV

    public static final int QUEUE_DEPTH_MAX = ublk_h.UBLK_MAX_QUEUE_DEPTH();
    public static final int QUEUES_MAX = ublk_h.UBLK_MAX_NR_QUEUES();

    private static final long IO_BUFFERS_OFFSET = Integer.toUnsignedLong(ublk_h.UBLKSRV_IO_BUF_OFFSET());
    private static final int TAG_SHIFT = ublk_h.UBLK_TAG_OFF();
    private static final int QUEUE_SHIFT = ublk_h.UBLK_QID_OFF();

    private UblkCommands() {}

    /**
     * Returns the offset in {@code /dev/ublkcN} at which the data of a request begin, for pread and pwrite with
     * UBLK_F_USER_COPY.
     */
    public static long userCopyOffset(int queueId, int tag) {
        return IO_BUFFERS_OFFSET + ((long) queueId << QUEUE_SHIFT) + ((long) tag << TAG_SHIFT);
    }
}
