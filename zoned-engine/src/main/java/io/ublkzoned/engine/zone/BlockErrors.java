package io.ublkzoned.engine.zone;

/**
 * The errno values that a request can fail with. The kernel maps each of these to a block status of its own; EAGAIN,
 * EBUSY and ENOMEM are never used, because the block layer would retry them for ever.
 */
public final class BlockErrors {

    /** A breach of a write pointer, a condition or a capacity, or a failed transfer. */
    public static final int EIO = 5;

    /** The file system that holds the image is full, or its owner's quota; the zone is unchanged. */
    public static final int ENOSPC = 28;

    /** BLK_STS_ZONE_ACTIVE_RESOURCE: the operation needs one more active zone than there may be. */
    public static final int EOVERFLOW = 75;

    /** An operation that this device does not have. */
    public static final int EOPNOTSUPP = 95;

    /** BLK_STS_ZONE_OPEN_RESOURCE: the operation needs one more open zone than there may be. */
    public static final int ETOOMANYREFS = 109;

    private static final int EDQUOT = 122;

    private BlockErrors() {}

    /**
     * The error of a request whose I/O failed with {@code errno}: ENOSPC if the file system or the quota is full, else
     * EIO. Others would be retried for ever (EAGAIN, ENOMEM), or mean something else of a zoned device (EOVERFLOW).
     */
    public static int ofFailedIo(int errno) {
        return errno == ENOSPC || errno == EDQUOT ? ENOSPC : EIO;
    }
}
