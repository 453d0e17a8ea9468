/**
 * The command line: one class per subcommand, and the few things that they share.
 *
 * <p>{@link io.ublkzoned.backend.cli.Main} is the way in; the launcher {@code scripts/ublk-zoned} starts it. A
 * command runs on one thread, prints its result when it has all of it, and says what went wrong by throwing: {@link
 * io.ublkzoned.backend.cli.CommandFailure} or another IOException becomes one sentence on stderr, and so does {@link
 * io.ublkzoned.backend.cli.UsageException}. Images that are not
 * attached are read without native code, so that those commands start fast and run anywhere.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.cli;
