package io.ublkzoned.backend.cli;

import java.io.IOException;

/** The end of a command that did not do what it was asked to: a sentence for stderr, and an exit status. */
final class CommandFailure extends IOException {

    private static final long serialVersionUID = 1L;

    private final int exitStatus;

    CommandFailure(String sentence) {
        this(sentence, ExitStatus.FAILURE);
    }

    CommandFailure(String sentence, int exitStatus) {
        super(sentence);
        this.exitStatus = exitStatus;
    }

    CommandFailure(String sentence, Throwable cause) {
        super(sentence, cause);
        this.exitStatus = ExitStatus.FAILURE;
    }

    int exitStatus() {
        return exitStatus;
    }
}
