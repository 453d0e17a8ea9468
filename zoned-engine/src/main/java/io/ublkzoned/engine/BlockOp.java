package io.ublkzoned.engine;

/** What a request asks for. Zone reports are not requests of the engine: see {@link ZonedDevice#report}. */
public enum BlockOp {
    READ,
    WRITE,
    FLUSH,
    ZONE_OPEN,
    ZONE_CLOSE,
    ZONE_FINISH,
    ZONE_APPEND,
    ZONE_RESET,
    ZONE_RESET_ALL;

    /** Whether a request of this kind carries data, and at least one byte of it. */
    boolean movesData() {
        return this == READ || this == WRITE || this == ZONE_APPEND;
    }
}
