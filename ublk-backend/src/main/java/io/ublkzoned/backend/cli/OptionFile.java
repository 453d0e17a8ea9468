package io.ublkzoned.backend.cli;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A file with options of {@code add}, one per line: {@code queues = 2}. An option without a value is {@code yes} or
 * {@code no}. Empty lines and lines that start with {@code #} say nothing.
 */
final class OptionFile {

    /** Options that make no sense in a file. */
    private static final Set<String> REFUSED = Set.of("conf", "resume", "foreground", "help", "debug");

    private OptionFile() {}

    /**
     * Returns the options as words of a command line.
     *
     * @throws CommandFailure with the line that is wrong
     */
    static List<String> read(Path file, Syntax syntax) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            throw new CommandFailure(
                    file + " does not exist: it should have the image, as in 'image = /srv/disk.qcow2'", e);
        } catch (MalformedInputException e) {
            throw new CommandFailure(file + " is not a text file", e);
        }
        List<String> words = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                try {
                    words.addAll(words(line, syntax));
                } catch (IllegalArgumentException e) {
                    throw new CommandFailure("%s, line %d: %s".formatted(file, i + 1, e.getMessage()), e);
                }
            }
        }
        return words;
    }

    private static List<String> words(String line, Syntax syntax) {
        int at = line.indexOf('=');
        String name = (at < 0 ? line : line.substring(0, at)).strip();
        if (at < 0) {
            throw new IllegalArgumentException("write 'NAME = VALUE', not '%s'".formatted(line));
        }
        String value = line.substring(at + 1).strip();
        Syntax.ShownOption option = syntax.options().stream()
                .filter(each -> each.eachName().contains("--" + name) && !REFUSED.contains(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "there is no option '%s': see ublk-zoned add --help".formatted(name)));
        if (option.hasValue()) {
            return List.of("--" + name, value);
        }
        return switch (value) {
            case "yes" -> List.of("--" + name);
            case "no" -> List.of();
            default -> throw new IllegalArgumentException("'%s' is yes or no, not '%s'".formatted(name, value));
        };
    }
}
