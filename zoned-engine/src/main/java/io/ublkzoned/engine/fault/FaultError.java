package io.ublkzoned.engine.fault;

/**
 * An error that a rule can make a device return. The kernel maps each to a different block status ({@code blk_errors}
 * in block/blk-core.c). EAGAIN, EBUSY and ENOMEM are missing, because the block layer would retry them forever.
 */
public enum FaultError {
    EIO(5),
    /** The device is offline. */
    ENODEV(19),
    /** No space is left. */
    ENOSPC(28),
    /** A medium error. */
    ENODATA(61),
    /** The limit of the command's duration was exceeded. */
    ETIME(62),
    /** A transport error. */
    ENOLINK(67),
    /** The limit of active zones was exceeded. */
    EOVERFLOW(75),
    /** A protection error: the data is not the expected data. */
    EILSEQ(84),
    /** The limit of open zones was exceeded. */
    ETOOMANYREFS(109),
    ETIMEDOUT(110),
    /** A target error. */
    EREMOTEIO(121);

    private final int errno;

    FaultError(int errno) {
        this.errno = errno;
    }

    /** Returns the positive error number of Linux. */
    public int errno() {
        return errno;
    }
}
