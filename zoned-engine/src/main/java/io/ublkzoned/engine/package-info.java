/**
 * The engine: a zoned block device without a kernel, a thread or a file of its own.
 *
 * <p>{@link io.ublkzoned.engine.ZonedDevice} is the way in. A {@link io.ublkzoned.engine.BlockRequest} goes through the
 * zone rules ({@code .zone}) and the mapping ({@code .qcow2}) and becomes calls on a
 * {@link io.ublkzoned.engine.DataPort}; metadata goes through an {@link io.ublkzoned.engine.ImageFile}, in the order
 * that {@code MetadataWriter} keeps.
 *
 * <p>Lock rule: the device's one lock guards zones, mappings, allocator and what waits; it is never held during I/O. A
 * queue may be called under it ({@code handOver}) and must not call back. Imports: java.base and SLF4J only.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine;
