package io.ublkzoned.backend.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * The words of a command line that are no options, taken from the left. What an option has said already is not looked
 * for among them: {@code create disk.qcow2 4G} and {@code create --image disk.qcow2 4G} are the same.
 */
final class Operands {

    private final CommandLine command;
    private final ArrayDeque<String> words;

    Operands(CommandLine command, @Nullable List<String> words) {
        this.command = command;
        this.words = new ArrayDeque<>(words == null ? List.of() : words);
    }

    /** The next word, or null after the last one. */
    @Nullable
    String next() {
        return words.poll();
    }

    /** The image: the value of {@code --image}, else the next word. */
    Path image(@Nullable Path option) {
        if (option != null) {
            return option;
        }
        String word = words.poll();
        if (word == null) {
            throw usage("which image? Name it as an argument or with --image");
        }
        return path(word);
    }

    Path path(String word) {
        try {
            return Path.of(word);
        } catch (InvalidPathException e) {
            throw usage("'" + word + "' cannot be the name of a file");
        }
    }

    /** All words have been taken. */
    void end() {
        if (!words.isEmpty()) {
            throw usage("'" + words.getFirst() + "' is one argument too many");
        }
    }

    ParameterException usage(String sentence) {
        return new ParameterException(command, sentence);
    }
}
