package io.ublkzoned.bindings.ublk;

/**
 * The operations (UBLK_IO_OP_...) and flags (UBLK_IO_F_...) of requests. They are literals, so that {@code case} labels
 * can use them; the ABI test compares them with the header.
 */
public final class UblkOperations {
    public static final int READ = 0;
    public static final int WRITE = 1;
    public static final int FLUSH = 2;
    public static final int DISCARD = 3;
    public static final int WRITE_SAME = 4;
    public static final int WRITE_ZEROES = 5;
    public static final int ZONE_OPEN = 10;
    public static final int ZONE_CLOSE = 11;
    public static final int ZONE_FINISH = 12;
    public static final int ZONE_APPEND = 13;
    public static final int ZONE_RESET_ALL = 14;
    public static final int ZONE_RESET = 15;
    public static final int REPORT_ZONES = 18;

    /** The write is durable before it completes. */
    public static final int FLAG_FUA = 1 << 13;
    /** A write of zeroes keeps the space allocated. */
    public static final int FLAG_NOUNMAP = 1 << 15;

    private UblkOperations() {}
}
