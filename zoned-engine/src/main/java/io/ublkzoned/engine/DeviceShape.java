package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.DeviceGeometry;

/**
 * The shape of a device as the kernel knows it.
 *
 * @param geometry the zones
 * @param blockBytes the size of a logical block; every write is a whole number of them
 * @param slots the maximum number of requests in flight, in all queues
 */
public record DeviceShape(DeviceGeometry geometry, int blockBytes, int slots) {}
