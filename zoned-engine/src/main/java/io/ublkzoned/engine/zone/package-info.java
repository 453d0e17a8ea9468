/**
 * The zone rules: what each operation does to a zone in each condition, and the limits of open and active zones.
 *
 * <p>Pure state: no I/O, no lock of its own (the device's lock guards it), nothing of the store or of requests. Its
 * rules are those of a host-managed device (ZBC-2, ZNS); where the standards leave a choice they do what Linux's
 * null_blk does.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.zone;
