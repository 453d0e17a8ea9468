package io.ublkzoned.backend.cli;

import java.io.IOException;

/** A command of the command line. */
interface Command {

    /** Returns the options and the operands of the command. */
    Syntax syntax();

    /**
     * Carries out the command, and prints the result.
     *
     * @return the exit status
     * @throws UsageException for a wrong usage that only the command can detect
     */
    int run(Arguments line) throws IOException;
}
