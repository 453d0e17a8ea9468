/**
 * The kernel's side of a device: control commands, queues, and the server that holds them together.
 *
 * <p>A queue has one thread and one ring, made on that thread. No other thread touches a queue except for its inbox. The
 * package uses the engine by its public types and the image by its ports. It imports {@code image}, and neither {@code
 * host} nor {@code cli}.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.ublk;
