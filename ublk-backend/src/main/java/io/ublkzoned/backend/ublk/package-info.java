/**
 * The kernel's side of a device: control commands, queues, the server that holds them together.
 *
 * <p>A queue has one thread and one ring, made on that thread; nothing of a queue is touched by another thread but its
 * inbox. The package knows the engine by its public types and the image by its ports.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.ublk;
