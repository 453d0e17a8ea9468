/** A program that uses a zoned block device as file systems do, for the guest's tests. */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.client;
