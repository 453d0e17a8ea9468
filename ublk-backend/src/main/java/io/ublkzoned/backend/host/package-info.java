/** What this host has of that which a zoned ublk device needs. */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.host;
