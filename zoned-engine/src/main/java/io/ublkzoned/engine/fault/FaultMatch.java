package io.ublkzoned.engine.fault;

import io.ublkzoned.engine.zone.BlockOp;
import java.util.Set;

/**
 * The requests that a rule looks at.
 *
 * @param operations the operations
 * @param firstZone the first zone of the requests
 * @param lastZone the last one; requests without a zone match only if all zones do
 * @param fromBytes the start of a range of device addresses that a read or write touches
 * @param endBytes its end
 * @param forcedOnly whether only writes with forced unit access match
 * @param lengthBytesMin the least length of the request's data
 */
public record FaultMatch(
        Set<BlockOp> operations,
        int firstZone,
        int lastZone,
        long fromBytes,
        long endBytes,
        boolean forcedOnly,
        int lengthBytesMin) {

    /** In place of a zone number: all zones match. */
    static final int ALL_ZONES = Integer.MAX_VALUE;

    /** In place of an address: all addresses match. */
    static final long ALL_BYTES = Long.MAX_VALUE;

    public FaultMatch {
        operations = Set.copyOf(operations);
    }

    /** Returns whether requests of any zone, and those without a zone, match. */
    public boolean matchesAllZones() {
        return lastZone == ALL_ZONES;
    }

    /** Returns whether only requests that touch a range of addresses match. */
    boolean hasRange() {
        return endBytes != ALL_BYTES;
    }

    /**
     * Returns whether a request matches.
     *
     * @param zone the number of its zone, -1 if the operation has none
     */
    public boolean matches(BlockOp op, int zone, long offsetBytes, int lengthBytes, boolean forced) {
        return operations.contains(op)
                && (matchesAllZones() || (zone >= firstZone && zone <= lastZone))
                && offsetBytes < endBytes
                && (!hasRange() || offsetBytes + lengthBytes > fromBytes)
                && (forced || !forcedOnly)
                && lengthBytes >= lengthBytesMin;
    }
}
