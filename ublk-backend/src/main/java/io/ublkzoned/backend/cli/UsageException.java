package io.ublkzoned.backend.cli;

/** A command line that makes no sense: a sentence that says why, and the command whose help has more. */
final class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String command;

    UsageException(String command, String sentence) {
        super(sentence);
        this.command = command;
    }

    /** As it is called: {@code ublk-zoned add}. */
    String command() {
        return command;
    }
}
