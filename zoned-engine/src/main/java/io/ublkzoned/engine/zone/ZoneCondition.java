package io.ublkzoned.engine.zone;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

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

    private static final Map<Integer, ZoneCondition> BY_CODE =
            Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(ZoneCondition::code, each -> each));

    private final int code;
    private final String label;

    ZoneCondition(int code, String label) {
        this.code = code;
        this.label = label;
    }

    /** Returns the kernel's number for the condition. */
    public int code() {
        return code;
    }

    /** Returns the condition that has this number, if there is one. */
    public static Optional<ZoneCondition> ofCode(int code) {
        return Optional.ofNullable(BY_CODE.get(code));
    }

    /** Returns the name of the condition in reports and JSON. */
    public String label() {
        return label;
    }

    /** Returns whether a zone in this condition counts against the open limit. */
    public boolean isOpen() {
        return this == IMPLICIT_OPEN || this == EXPLICIT_OPEN;
    }

    /** Returns whether a zone in this condition counts against the active limit. */
    public boolean isActive() {
        return isOpen() || this == CLOSED;
    }

    /** Returns whether a zone in this condition permanently rejects writes, like a zone of a worn-out drive. */
    public boolean isFailed() {
        return this == READ_ONLY || this == OFFLINE;
    }
}
