package io.ublkzoned.engine.zone;

/** The operation of a request. Zone reports are not requests of the engine: see {@code ZonedDevice.report}. */
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

    /** Returns whether a request of this kind carries data. It then has at least one byte. */
    public boolean movesData() {
        return this == READ || this == WRITE || this == ZONE_APPEND;
    }
}
