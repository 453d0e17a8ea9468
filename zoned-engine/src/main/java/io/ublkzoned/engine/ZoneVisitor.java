package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneCondition;

/** Receives the zones of a report, one call a zone, in order. */
@FunctionalInterface
public interface ZoneVisitor {

    /**
     * Shows one zone.
     *
     * @param index the zone's number
     * @param startBytes where it starts on the device
     * @param capacityBytes how much can be written to it
     * @param writePointerBytes where the next write goes, as a device address; the end of the zone if it has none
     */
    void zone(int index, long startBytes, long capacityBytes, long writePointerBytes, ZoneCondition condition);
}
