/**
 * The command line: one class per subcommand, and the few things that they share.
 *
 * <p>{@link io.ublkzoned.backend.cli.Main} is the way in; the launcher {@code scripts/ublk-zoned} starts it. A
 * command runs on one thread, prints its result when it has all of it, and says what went wrong by throwing: {@link
 * io.ublkzoned.backend.cli.CommandFailure} or another IOException becomes one sentence on stderr, and so does {@link
 * io.ublkzoned.backend.cli.UsageException}.
 *
 * <p>A command that reads an image opens it for reading only, and locks nothing: it neither needs permission to write nor
 * disturbs an {@code add} at the same time.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.cli;
