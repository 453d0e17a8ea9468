/**
 * The engine: a zoned block device without a kernel, a thread or a file of its own.
 *
 * <p>{@link io.ublkzoned.engine.ZonedDevice} is the way in. A {@link io.ublkzoned.engine.BlockRequest} goes through the
 * zone rules ({@code .zone}) and the mapping ({@code .qcow2}) and becomes calls on a
 * {@link io.ublkzoned.engine.DataPort}; metadata goes through an {@link io.ublkzoned.engine.qcow2.ImageFile}, in the order
 * that {@code MetadataWriter} keeps.
 *
 * <p>Two sides: the data path works in memory under the device's one lock; the metadata thread does I/O without it. They
 * meet in {@code PendingWork}, which is, with {@code ZonedDevice}, the only class that locks. A queue may be called under
 * the lock ({@code handOver}) and must not call back. Imports: java.base and SLF4J only.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine;
