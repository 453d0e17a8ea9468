/**
 * The image file: ports of the engine for metadata and for request data, and the lock that keeps a second writer out.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.image;
