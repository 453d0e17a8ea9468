package io.ublkzoned.backend.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.commons.cli.CommandLine;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of a command, and the streams for its output. Methods take the name of an option as the user types it.
 */
final class Arguments {

    private final Syntax syntax;
    private final CommandLine line;
    private final List<String> words;
    private final PrintWriter out;
    private final PrintWriter err;

    Arguments(Syntax syntax, CommandLine line, List<String> words, PrintWriter out, PrintWriter err) {
        this.syntax = syntax;
        this.line = line;
        this.words = words;
        this.out = out;
        this.err = err;
    }

    /** Returns the same with more words in front. */
    Arguments with(List<String> more) {
        List<String> all = new ArrayList<>(more);
        all.addAll(words);
        return syntax.parse(all, out, err);
    }

    /** Returns whether an option was given. */
    boolean has(String name) {
        return line.hasOption(name);
    }

    /**
     * Returns the value of an option, or null if it was not given.
     *
     * @param converter throws IllegalArgumentException with a sentence that says what is wrong with a value
     */
    <T> @Nullable T value(String name, Function<String, T> converter) {
        List<String> values = values(name);
        if (values.isEmpty()) {
            return null;
        }
        String typed = syntax.typed(name);
        if (values.size() > 1) {
            throw usage("option '" + typed + "' is given twice");
        }
        return converted("option '" + typed + "'", values.getFirst(), converter);
    }

    /** Returns the value of an option, or a default if it was not given. */
    <T> T value(String name, Function<String, T> converter, T byDefault) {
        T value = value(name, converter);
        return value == null ? byDefault : value;
    }

    /** Returns all values of an option that can be given more than once. */
    List<String> values(String name) {
        List<String> all = new ArrayList<>();
        for (String each : syntax.names(name)) {
            String[] values = line.getOptionValues(each);
            if (values != null) {
                all.addAll(List.of(values));
            }
        }
        return all;
    }

    /** Converts a word to a value, or refuses the command line. */
    <T> T converted(String what, String word, Function<String, T> converter) {
        try {
            return converter.apply(word);
        } catch (IllegalArgumentException e) {
            throw usage("Invalid value for " + what + ": " + e.getMessage());
        }
    }

    /** Converts a number. */
    static int number(String word) {
        try {
            return Integer.parseInt(word);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + word + "' is not a number", e);
        }
    }

    /** Converts the seed of a random source: a number that is not negative, as in fault rules. */
    static long seed(String word) {
        if (!word.matches("[0-9]{1,18}")) {
            throw new IllegalArgumentException("'" + word + "' is not a number");
        }
        return Long.parseLong(word);
    }

    /** Returns the words that are not options. */
    Operands operands() {
        return new Operands(this, line.getArgList());
    }

    PrintWriter out() {
        return out;
    }

    PrintWriter err() {
        return err;
    }

    UsageException usage(String sentence) {
        return syntax.usage(sentence);
    }
}
