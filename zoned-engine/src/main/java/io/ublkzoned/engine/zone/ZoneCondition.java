package io.ublkzoned.engine.zone;

/** The condition of a zone (ZBC-2 "zone condition"; {@code enum blk_zone_cond} in linux/blkzoned.h). */
public enum ZoneCondition {
    NOT_WP(0x0, "not-wp"),
    EMPTY(0x1, "empty"),
    IMPLICIT_OPEN(0x2, "implicit-open"),
    EXPLICIT_OPEN(0x3, "explicit-open"),
    CLOSED(0x4, "closed"),
    READ_ONLY(0xd, "read-only"),
    FULL(0xe, "full"),
    OFFLINE(0xf, "offline");

    private final int code;
    private final String label;

    ZoneCondition(int code, String label) {
        this.code = code;
        this.label = label;
    }

    /** The kernel's number for it. */
    public int code() {
        return code;
    }

    /** Its name in reports and JSON. */
    public String label() {
        return label;
    }

    /** Whether the zone counts against the open limit. */
    public boolean isOpen() {
        return this == IMPLICIT_OPEN || this == EXPLICIT_OPEN;
    }

    /** Whether the zone counts against the active limit. */
    public boolean isActive() {
        return isOpen() || this == CLOSED;
    }

    /** Whether the zone takes no more writes, for good, as those of a drive that wears out. */
    public boolean isFailed() {
        return this == READ_ONLY || this == OFFLINE;
    }
}
