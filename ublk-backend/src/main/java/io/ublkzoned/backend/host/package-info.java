/**
 * The checks of {@code doctor}: the parts of this host that a zoned ublk device needs.
 *
 * <p>One thread runs them. Imports {@code ublk}, to ask the driver for its features and for devices without a server.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.host;
