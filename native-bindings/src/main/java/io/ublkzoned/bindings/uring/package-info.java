/**
 * io_uring: rings whose entries are written and read in Java.
 *
 * <p>liburing's exported functions set a ring up, submit, wait and register. {@code SubmissionQueue} and
 * {@code CompletionQueue} work on the mapped rings themselves. A ring belongs to the thread that made it: any other
 * thread gets WrongThreadException, and after {@code close} every caller gets IllegalStateException. The package has no
 * locks. It imports {@code linux} and the generated packages of the ring, never {@code ublk}.
 */
@NullMarked
package io.ublkzoned.bindings.uring;

import org.jspecify.annotations.NullMarked;
