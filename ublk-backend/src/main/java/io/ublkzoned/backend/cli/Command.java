package io.ublkzoned.backend.cli;

import java.io.IOException;

/** One word of the command line's vocabulary. */
interface Command {

    /** What can be said to it. */
    Syntax syntax();

    /**
     * Does it, and prints the result.
     *
     * @return the exit status
     * @throws UsageException for a wrong usage that only the command can see
     */
    int run(Arguments line) throws IOException;
}
