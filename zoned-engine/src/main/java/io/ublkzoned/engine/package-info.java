/**
 * The engine: a zoned block device without a kernel, thread or file.
 *
 * <p>{@link io.ublkzoned.engine.ZonedDevice} is the entry point. A {@link io.ublkzoned.engine.BlockRequest} passes
 * through the zone rules ({@code .zone}) and the mapping ({@code .qcow2}), and becomes calls on a
 * {@link io.ublkzoned.engine.DataPort}. Metadata passes through an {@link io.ublkzoned.engine.qcow2.ImageFile}, in the order
 * that {@code MetadataWriter} ensures.
 *
 * <p>There are two sides: the data path works in memory under the device's one lock, and the metadata thread does I/O
 * without it. They meet in {@code PendingWork}. Only {@code PendingWork}, {@code ZonedDevice}, {@code OverwriteJournal} and
 * {@link io.ublkzoned.engine.DeviceFaults} take the lock. {@code Recorder} writes the log of what the device does
 * ({@code .writelog}). A queue may be called under the lock ({@code handOver}) and must
 * not call back. Imports: java.base and SLF4J only.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine;
