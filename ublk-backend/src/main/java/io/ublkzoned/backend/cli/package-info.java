/**
 * The command line: one class per command, and the classes that commands share.
 *
 * <p>{@link io.ublkzoned.backend.cli.Main} is the entry point, which the launcher {@code scripts/ublk-zoned} starts. A
 * command runs on one thread, and prints its result when it is complete. It reports a failure by throwing {@link
 * io.ublkzoned.backend.cli.CommandFailure}, another IOException or {@link io.ublkzoned.backend.cli.UsageException},
 * which {@code Main} prints as one sentence on stderr. Commands do not import {@code Main}.
 *
 * <p>A command that reads an image opens it for reading only and locks nothing. It needs no permission to write, and
 * does not disturb an {@code add} at the same time.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.backend.cli;
