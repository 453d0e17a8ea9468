package io.ublkzoned.backend.cli;

/** The exit statuses of the program; {@code check} has more. */
final class ExitStatus {

    static final int SUCCESS = 0;
    static final int FAILURE = 1;
    static final int USAGE = 2;

    private ExitStatus() {}
}
