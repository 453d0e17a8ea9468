package io.ublkzoned.engine.fault;

import io.ublkzoned.engine.zone.ZoneCondition;

/** The effect of a rule on a request that it hits, apart from a delay. */
public sealed interface FaultOutcome {

    /** The request is carried out normally. */
    record Normal() implements FaultOutcome {
        public static final Normal INSTANCE = new Normal();
    }

    /**
     * The request fails, although the device may have carried out a part of it.
     *
     * @param keptBytes the bytes of a write that reach the image, {@link #ALL} for all; for an operation without data,
     *     whether it is carried out, as 0 or {@link #ALL}
     * @param pointer the place of the write pointer afterwards
     * @param keptZones the number of zones, counted from the last of those that a reset of all zones would change, that
     *     keep their data
     */
    record Failure(FaultError error, long keptBytes, Pointer pointer, int keptZones) implements FaultOutcome {

        /** Returns whether the device does nothing at all. */
        public boolean hasNoEffect() {
            return keptBytes == 0 && pointer != Pointer.ADVANCED && keptZones == 0;
        }

        /** Returns -errno. */
        public int result() {
            return -error.errno();
        }
    }

    /**
     * The zone becomes read-only or offline, and the request meets that condition.
     *
     * @param condition READ_ONLY or OFFLINE
     */
    record Wear(ZoneCondition condition) implements FaultOutcome {}

    /**
     * A flush fails, and the device loses everything that was not flushed. Its zones are then as after a power cycle.
     */
    record LoseUnflushed(FaultError error) implements FaultOutcome {

        /** Returns -errno. */
        public int result() {
            return -error.errno();
        }
    }

    /** The power of the device is cut: this request and all later ones fail. */
    record CutPower(PowerCut cut, AfterCut then) implements FaultOutcome {}

    /** In place of a number of bytes: all of the request. */
    long ALL = Long.MAX_VALUE;

    /** The place of the write pointer after a failed write. */
    enum Pointer {
        /** Behind the bytes that were kept. */
        KEPT,
        /** Behind the whole request. Bytes that were not kept read as zeros. */
        ADVANCED,
        /** Where it was. Bytes that were kept cannot be read, and the next write replaces them. */
        UNMOVED
    }

    /** Returns whether the byte at this offset in a request becomes zero below the write pointer. */
    default boolean isErasedAt(int requestOffsetBytes) {
        return this instanceof Failure failure
                && failure.pointer == Pointer.ADVANCED
                && requestOffsetBytes >= failure.keptBytes;
    }
}
