/**
 * The zone rules: the effect of each operation on a zone in each condition, and the limits of open and active zones.
 *
 * <p>This package is pure state. It does no I/O, has no lock (the device's lock guards it), and knows neither the image
 * nor requests. The rules are those of a host-managed device (ZBC-2, ZNS). Where the standards leave a choice, they
 * follow Linux's null_blk.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.zone;
