package io.ublkzoned.backend.cli;

/** Wrong usage of the command line: a sentence with the reason, and the command whose help says more. */
final class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String command;

    UsageException(String command, String sentence) {
        super(sentence);
        this.command = command;
    }

    /** Returns the command as it is typed: {@code ublk-zoned add}. */
    String command() {
        return command;
    }
}
