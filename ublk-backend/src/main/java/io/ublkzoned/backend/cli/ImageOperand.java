package io.ublkzoned.backend.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The image of a command, which is an option or the first word that is none; a mixin. */
final class ImageOperand {

    @Option(names = "--image", paramLabel = "FILE", description = "The image, instead of an argument.")
    private @Nullable Path image;

    @Parameters(arity = "0..*", hidden = true)
    private @Nullable List<String> words;

    /** All words that are no options. */
    Operands operands(CommandLine line) {
        return new Operands(line, words);
    }

    /** The image, taken from the words if no option names it. */
    Path path(Operands operands) {
        return operands.image(image);
    }
}
