/**
 * The kernel's interface for user-space and zoned block devices: {@code linux/ublk_cmd.h} and {@code linux/blkzoned.h}.
 *
 * <p>Codes are constants, structures are views over memory that the caller owns. {@code UblkSubmissions} puts the
 * driver's commands into a ring; nothing here calls the kernel. Classes have no other state than that memory, and no
 * locks.
 * Imports {@code uring}, {@code linux} and the generated packages.
 */
@NullMarked
package io.ublkzoned.bindings.ublk;

import org.jspecify.annotations.NullMarked;
