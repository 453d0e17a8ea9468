/**
 * The image file: how it is opened and made, the lock that keeps a second writer out, and the ports of the engine for
 * metadata and for request data.
 *
 * <p>Who attaches or changes an image gets it from {@link io.ublkzoned.backend.image.LockedImage}, who reads it from {@link
 * io.ublkzoned.backend.image.ImageOpener}, and {@code create} from {@link io.ublkzoned.backend.image.NewImage}.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.image;
