package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.DeviceGeometry;

/**
 * A device as its kernel knows it.
 *
 * @param geometry the zones
 * @param blockBytes the logical block: every write is a whole number of them
 * @param slots how many requests it can have under way, in all its queues
 */
public record DeviceShape(DeviceGeometry geometry, int blockBytes, int slots) {}
