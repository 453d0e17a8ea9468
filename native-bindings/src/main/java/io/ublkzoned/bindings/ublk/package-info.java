/**
 * The kernel's interface for user-space and zoned block devices: {@code linux/ublk_cmd.h} and {@code linux/blkzoned.h}.
 *
 * <p>Codes as constants, structures as views over memory that the caller owns. Nothing here calls the kernel: commands
 * go through a ring, ioctls through {@code Libc}. Stateless but for the memory, so no lock. Imports only the generated
 * packages.
 */
@NullMarked
package io.ublkzoned.bindings.ublk;

import org.jspecify.annotations.NullMarked;
