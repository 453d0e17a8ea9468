package io.ublkzoned.engine.zone;

/**
 * The errno values that a request can fail with. The kernel maps each to a different block status. EAGAIN, EBUSY and
 * ENOMEM are never used, because the block layer would retry them forever.
 */
public final class BlockErrors {

    /** A violation of a write pointer, a condition or a capacity, or a failed transfer. */
    public static final int EIO = 5;

    /** The file system that holds the image is full, or its owner's quota is; the zone is unchanged. */
    public static final int ENOSPC = 28;

    /** BLK_STS_ZONE_ACTIVE_RESOURCE: the operation would exceed the active limit. */
    public static final int EOVERFLOW = 75;

    /** An operation that this device does not support. */
    public static final int EOPNOTSUPP = 95;

    /** BLK_STS_ZONE_OPEN_RESOURCE: the operation would exceed the open limit. */
    public static final int ETOOMANYREFS = 109;

    private static final int EDQUOT = 122;

    private BlockErrors() {}

    /**
     * Returns the error of a request whose I/O failed with {@code errno}: ENOSPC if the file system or the quota is
     * full, otherwise EIO. Other values would be retried forever (EAGAIN, ENOMEM), or have another meaning for a zoned
     * device (EOVERFLOW).
     */
    public static int ofFailedIo(int errno) {
        return errno == ENOSPC || errno == EDQUOT ? ENOSPC : EIO;
    }
}
