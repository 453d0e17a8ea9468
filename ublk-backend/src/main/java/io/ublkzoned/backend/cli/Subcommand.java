package io.ublkzoned.backend.cli;

import java.io.IOException;
import picocli.CommandLine;

/** One word of the command line's vocabulary; its fields have been filled from the options. */
interface Subcommand {

    /**
     * Does it, and prints the result to the command line's output.
     *
     * @return the exit status
     * @throws CommandLine.ParameterException for a wrong usage that only the command can see
     */
    int run(CommandLine line) throws IOException;
}
