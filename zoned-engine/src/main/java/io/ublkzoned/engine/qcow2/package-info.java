/**
 * The image: a qcow2 file that carries a zoned device.
 *
 * <p>{@link io.ublkzoned.engine.qcow2.ImageFormatter} makes one, {@link io.ublkzoned.engine.qcow2.Qcow2Image} opens
 * one, {@link io.ublkzoned.engine.qcow2.ImageChecker} looks for damage, {@link io.ublkzoned.engine.qcow2.ImageRepair}
 * repairs it, {@link io.ublkzoned.engine.qcow2.LayoutConverter} changes its layout. Nothing that a file says is believed before it
 * is checked against the file's length and the limits here; what fails is an
 * {@link io.ublkzoned.engine.qcow2.ImageFormatException}.
 *
 * <p>No class here has a lock. {@link io.ublkzoned.engine.qcow2.ClusterAllocator} is guarded by the device's lock and
 * does no I/O; {@link io.ublkzoned.engine.qcow2.WritePointerTable} belongs to the thread that writes metadata; reading
 * and writing mappings is safe on any thread, for ranges that do not overlap. Of the engine
 * it imports {@code zone} alone: the geometry, and the conditions of failed zones, which the image keeps.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.qcow2;
