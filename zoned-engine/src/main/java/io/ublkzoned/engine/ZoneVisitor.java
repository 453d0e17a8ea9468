package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneCondition;

/** A receiver of the zones of a report, with one call per zone, in order. */
@FunctionalInterface
public interface ZoneVisitor {

    /**
     * Reports one zone.
     *
     * @param index the zone's number
     * @param startBytes the device address of its start
     * @param capacityBytes its writable bytes
     * @param writePointerBytes the device address of the next write; the end of the zone if it has no write pointer
     */
    void zone(int index, long startBytes, long capacityBytes, long writePointerBytes, ZoneCondition condition);
}
