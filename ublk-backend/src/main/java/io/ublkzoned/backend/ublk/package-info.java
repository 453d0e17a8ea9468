/**
 * The kernel's side of a device: control commands, queues, and the server that holds them together.
 *
 * <p>A queue has one thread and one ring, made on that thread. Other threads touch only the inbox of a queue. The
 * package uses the public types of the engine, and the ports of {@code image}. It imports {@code image}, and neither
 * {@code host} nor {@code cli}.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.ublk;
