package io.ublkzoned.backend.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The words of a command line that are not options, taken from the left. If an option gives a value, no word is taken
 * for it: {@code create disk.qcow2 4G} and {@code create --image disk.qcow2 4G} are the same.
 */
final class Operands {

    /** The option that names an image, in commands whose first word is an image. */
    static final String IMAGE = "--image";

    /**
     * The property that the launcher sets if the working directory has been deleted. The launcher then starts Java in
     * another directory.
     */
    private static final String FOLDER_IS_DELETED = "io.ublkzoned.folderIsDeleted";

    private final Arguments line;
    private final ArrayDeque<String> words;

    Operands(Arguments line, List<String> words) {
        this.line = line;
        this.words = new ArrayDeque<>(words);
    }

    /** Returns the next word, or null after the last one. */
    @Nullable
    String next() {
        return words.poll();
    }

    boolean isEmpty() {
        return words.isEmpty();
    }

    /** Returns the image: the value of {@link #IMAGE}, else the next word. */
    Path image() throws CommandFailure {
        String option = line.value(IMAGE, word -> word);
        String word = option == null ? words.poll() : option;
        if (word == null) {
            throw usage("the image is missing: name it as an argument or with --image");
        }
        return path(word);
    }

    /**
     * Converts a word to a path.
     *
     * @throws CommandFailure if the path is relative, and the working directory has been deleted
     */
    Path path(String word) throws CommandFailure {
        Path path = parsed(word);
        if (!path.isAbsolute() && Boolean.getBoolean(FOLDER_IS_DELETED)) {
            throw new CommandFailure(
                    path + ": the working directory has been deleted: cd to another one, or give the absolute path");
        }
        return path;
    }

    private Path parsed(String word) {
        try {
            if (!word.isEmpty()) {
                return Path.of(word);
            }
        } catch (InvalidPathException e) {
            // Refused below, like an empty word.
        }
        throw usage("'" + word + "' is not a valid file name");
    }

    /** Requires that all words have been taken. */
    void end() {
        if (!words.isEmpty()) {
            throw usage("unexpected argument '" + words.getFirst() + "'");
        }
    }

    UsageException usage(String sentence) {
        return line.usage(sentence);
    }
}
