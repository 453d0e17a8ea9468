/**
 * The image: a qcow2 file that contains a zoned device.
 *
 * <p>{@link io.ublkzoned.engine.qcow2.ImageFormatter} creates an image, {@link io.ublkzoned.engine.qcow2.Qcow2Image}
 * opens it, {@link io.ublkzoned.engine.qcow2.ImageChecker} checks it for damage,
 * {@link io.ublkzoned.engine.qcow2.ImageRepair} repairs it, and {@link io.ublkzoned.engine.qcow2.LayoutConverter}
 * changes its layout. Every field of a file is checked against the file's length and the limits here before it is used.
 * A field that fails the check causes an {@link io.ublkzoned.engine.qcow2.ImageFormatException}.
 *
 * <p>No class here has a lock. The device's lock guards {@link io.ublkzoned.engine.qcow2.ClusterAllocator}, which does
 * no I/O. {@link io.ublkzoned.engine.qcow2.WritePointerTable} belongs to the thread that writes metadata. Any thread
 * may read and write mappings, for ranges that do not overlap. Of the engine,
 * this package imports {@code zone} alone, for the geometry and for the conditions of failed zones, which the image
 * records.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.qcow2;
