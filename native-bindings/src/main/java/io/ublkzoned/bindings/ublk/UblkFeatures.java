package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import java.util.ArrayList;
import java.util.List;

/** The feature bits (UBLK_F_...) of a driver and of a device. A driver silently clears those that it does not know. */
public final class UblkFeatures {
    /** The pages of a request can be registered as a buffer of a ring. Works since Linux 6.15. */
    public static final long SUPPORT_ZERO_COPY = ublk_h.UBLK_F_SUPPORT_ZERO_COPY();

    public static final long URING_CMD_COMP_IN_TASK = ublk_h.UBLK_F_URING_CMD_COMP_IN_TASK();
    public static final long NEED_GET_DATA = ublk_h.UBLK_F_NEED_GET_DATA();
    /** The device outlives its server until another server takes it over. */
    public static final long USER_RECOVERY = ublk_h.UBLK_F_USER_RECOVERY();

    /** Requests in flight when the server died are delivered again. */
    public static final long USER_RECOVERY_REISSUE = ublk_h.UBLK_F_USER_RECOVERY_REISSUE();

    public static final long UNPRIVILEGED_DEV = ublk_h.UBLK_F_UNPRIVILEGED_DEV();
    public static final long CMD_IOCTL_ENCODE = ublk_h.UBLK_F_CMD_IOCTL_ENCODE();
    /** Data are moved by pread and pwrite on the char device, see {@link UblkCommands#userCopyOffset}. */
    public static final long USER_COPY = ublk_h.UBLK_F_USER_COPY();

    /** The device is zoned. Needs USER_COPY, or on Linux 7 SUPPORT_ZERO_COPY. */
    public static final long ZONED = ublk_h.UBLK_F_ZONED();

    public static final long USER_RECOVERY_FAIL_IO = ublk_h.UBLK_F_USER_RECOVERY_FAIL_IO();
    public static final long UPDATE_SIZE = ublk_h.UBLK_F_UPDATE_SIZE();
    /** The pages of a request are registered at each fetch. Linux 6.16. */
    public static final long AUTO_BUF_REG = ublk_h.UBLK_F_AUTO_BUF_REG();

    public static final long QUIESCE = ublk_h.UBLK_F_QUIESCE();
    public static final long PER_IO_DAEMON = ublk_h.UBLK_F_PER_IO_DAEMON();
    public static final long BUF_REG_OFF_DAEMON = ublk_h.UBLK_F_BUF_REG_OFF_DAEMON();
    public static final long BATCH_IO = ublk_h.UBLK_F_BATCH_IO();
    public static final long INTEGRITY = ublk_h.UBLK_F_INTEGRITY();
    /**
     * A device is stopped only if no one has it open. Linux 7.0. Such a driver also copies to user memory through the
     * page tables; before Linux 6.19, it stored to pinned pages without notifying their file system.
     */
    public static final long SAFE_STOP_DEV = ublk_h.UBLK_F_SAFE_STOP_DEV();

    public static final long NO_AUTO_PART_SCAN = ublk_h.UBLK_F_NO_AUTO_PART_SCAN();
    public static final long SHMEM_ZC = ublk_h.UBLK_F_SHMEM_ZC();
    /** The device info has the stride of descriptors. Linux 7.3. */
    public static final long IO_DESC_SIZE = ublk_h.UBLK_F_IO_DESC_SIZE();

    /** The names of the bits, by bit number. */
    private static final List<String> NAMES = List.of(
            "SUPPORT_ZERO_COPY",
            "URING_CMD_COMP_IN_TASK",
            "NEED_GET_DATA",
            "USER_RECOVERY",
            "USER_RECOVERY_REISSUE",
            "UNPRIVILEGED_DEV",
            "CMD_IOCTL_ENCODE",
            "USER_COPY",
            "ZONED",
            "USER_RECOVERY_FAIL_IO",
            "UPDATE_SIZE",
            "AUTO_BUF_REG",
            "QUIESCE",
            "PER_IO_DAEMON",
            "BUF_REG_OFF_DAEMON",
            "BATCH_IO",
            "INTEGRITY",
            "SAFE_STOP_DEV",
            "NO_AUTO_PART_SCAN",
            "SHMEM_ZC",
            "IO_DESC_SIZE");

    private UblkFeatures() {}

    /** Returns the names of the bits that are set, lowest first. A bit without a name is {@code bit N}. */
    public static List<String> names(long features) {
        List<String> names = new ArrayList<>();
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((features >>> bit & 1) != 0) {
                names.add(bit < NAMES.size() ? NAMES.get(bit) : "bit " + bit);
            }
        }
        return names;
    }
}
