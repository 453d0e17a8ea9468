package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneCondition;

/**
 * A change of a zone's condition.
 *
 * @param timeMillis the wall-clock time, in milliseconds since 1970
 * @param condition the condition that the zone got
 * @param writePointerBytes the device address of the write pointer at that time
 */
public record ConditionChange(long timeMillis, ZoneCondition condition, long writePointerBytes) {}
