package io.ublkzoned.backend.cli;

import java.io.IOException;

/** The failure of a command: a sentence for stderr, and an exit status. */
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
