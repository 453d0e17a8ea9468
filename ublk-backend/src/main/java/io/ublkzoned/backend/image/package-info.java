/**
 * The image file: opening and creating it, the lock that keeps a second writer out, and the ports of the engine for
 * metadata and for request data.
 *
 * <p>A command that attaches or changes an image opens it by {@link io.ublkzoned.backend.image.LockedImage}, one that
 * reads it by {@link io.ublkzoned.backend.image.ImageOpener}, and {@code create} by {@link
 * io.ublkzoned.backend.image.NewImage}. The thread of a queue uses that queue's port for request data. All queues share
 * the mapped {@link io.ublkzoned.backend.image.ImageWindows}. Everything else is used by one thread at a time. The
 * package imports no other package of the backend.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.image;
