package io.ublkzoned.backend.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.MissingArgumentException;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.apache.commons.cli.UnrecognizedOptionException;
import org.jspecify.annotations.Nullable;

/** The syntax of a command: its options, its operands, and its help. */
final class Syntax {

    static final String HELP = "--help";
    static final String DEBUG = "--debug";

    private static final String MANUAL = "The manual, with examples: man ublk-zoned";
    private static final int HELP_COLUMNS = 100;
    private static final int INDENT = 2;

    /**
     * An option as the help shows it.
     *
     * @param names as they are typed, with the name of the value: {@code "-n, --id N"}
     * @param hasValue whether that name is the last word of them
     */
    record ShownOption(String names, String text, boolean hasValue) {

        /** Returns each of its names, with the dashes. */
        List<String> eachName() {
            return Arrays.stream(names.split("[ ,]+", -1))
                    .filter(word -> word.startsWith("-"))
                    .toList();
        }
    }

    private final String command;
    private final List<String> synopses;
    private final String description;
    private final Options all = new Options();
    private final Options shown = new Options();
    private final Map<String, String> olderNames = new HashMap<>();
    private List<String> footer = List.of();

    /**
     * Starts with the options that every command has.
     *
     * @param command as it is typed: {@code ublk-zoned add}
     * @param synopses the alternatives for the words after it
     */
    Syntax(String command, String description, String... synopses) {
        this.command = command;
        this.description = description;
        this.synopses = List.of(synopses);
    }

    /** Adds an option without a value. Its names are as they are typed, as in {@code "-a --all"}. */
    Syntax flag(String names, String text) {
        return add(names, null, text);
    }

    /** Adds an option with a value. */
    Syntax option(String names, String valueName, String text) {
        return add(names, valueName, text);
    }

    /** Adds an option without a value that the help does not show. */
    Syntax hiddenFlag(String name) {
        all.addOption(Option.builder().longOpt(longName(name)).get());
        return this;
    }

    /** Adds another name of an option with a value, which the help does not show. */
    Syntax olderName(String older, String name) {
        all.addOption(Option.builder().longOpt(longName(older)).hasArg().get());
        olderNames.put(name, older);
        return this;
    }

    /** Returns every name of an option, except for those of one letter. */
    List<String> names(String name) {
        String older = olderNames.get(name);
        return older == null ? List.of(name) : List.of(name, older);
    }

    /** Adds the option that names an image, see {@link Operands#image}. */
    Syntax image() {
        return option(Operands.IMAGE, "FILE", "The image, if it is not an argument.");
    }

    /** Sets the lines after the options in the help. */
    Syntax footer(String... lines) {
        footer = List.of(lines);
        return this;
    }

    private Syntax add(String names, @Nullable String valueName, String text) {
        Option.Builder option =
                Option.builder().desc(text).hasArg(valueName != null).argName(valueName);
        for (String name : names.split(" ", -1)) {
            if (name.startsWith("--")) {
                option.longOpt(longName(name));
            } else {
                option.option(name.substring(1));
            }
        }
        Option made = option.get();
        all.addOption(made);
        shown.addOption(made);
        return this;
    }

    private static String longName(String name) {
        return name.substring(2);
    }

    /** Parses the words after the command. Options may stand before, between and after the other words. */
    Arguments parse(List<String> words, PrintWriter out, PrintWriter err) {
        flag("-h " + HELP, "Show this help.");
        flag(DEBUG, "Show the stack trace of a failure.");
        DefaultParser parser =
                DefaultParser.builder().setAllowPartialMatching(false).get();
        try {
            return new Arguments(this, parser.parse(all, words.toArray(String[]::new)), words, out, err);
        } catch (UnrecognizedOptionException e) {
            throw usage("Unknown option: '" + e.getOption() + "'");
        } catch (MissingArgumentException e) {
            throw usage("Missing value of option '" + typed(e.getOption()) + "'");
        } catch (ParseException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    /** Returns the longest name of the option that has this name. */
    String typed(String name) {
        return typed(all.getOption(name));
    }

    /** Returns the longest name of an option, as it is typed. */
    private static String typed(Option option) {
        return option.hasLongOpt() ? "--" + option.getLongOpt() : "-" + option.getOpt();
    }

    UsageException usage(String sentence) {
        return new UsageException(command, sentence);
    }

    /**
     * Prints the help.
     *
     * @param commands those of the program, if this is its own syntax
     */
    void printHelp(PrintWriter out, List<Syntax> commands) {
        for (int i = 0; i < synopses.size(); i++) {
            out.println((i == 0 ? "usage: " : "       ") + command + " " + synopses.get(i));
        }
        out.println(description);
        out.println();
        List<ShownOption> options = options();
        int column = options.stream()
                .mapToInt(option -> option.names.length() + 2 * INDENT)
                .max()
                .orElse(0);
        options.forEach(option -> printOption(out, option, column));
        if (!commands.isEmpty()) {
            out.println("\nCommands, each with its own --help:");
            commands.forEach(each -> out.println("  %-16s%s".formatted(each.name(), each.description)));
        }
        footer.forEach(out::println);
        out.println();
        out.println(MANUAL);
    }

    private static void printOption(PrintWriter out, ShownOption option, int column) {
        StringBuilder line = new StringBuilder(" ".repeat(INDENT) + option.names);
        line.repeat(' ', column - INDENT - line.length());
        for (String word : option.text.split(" ", -1)) {
            if (line.length() + 1 + word.length() > HELP_COLUMNS) {
                out.println(line);
                line = new StringBuilder(" ".repeat(column - 1));
            }
            line.append(' ').append(word);
        }
        out.println(line);
    }

    /** Returns the options that the help shows, in its order. */
    List<ShownOption> options() {
        return shown.getOptions().stream()
                .map(option -> new ShownOption(names(option), option.getDescription(), option.hasArg()))
                .toList();
    }

    List<String> synopses() {
        return synopses;
    }

    String description() {
        return description;
    }

    /** Returns the lines after the options in the help. */
    List<String> footer() {
        return footer;
    }

    /** Returns the names of an option as they are typed, with the name of the value. */
    private static String names(Option option) {
        String names = option.getOpt() == null ? typed(option) : "-" + option.getOpt();
        if (option.getOpt() != null && option.hasLongOpt()) {
            names += ", " + typed(option);
        }
        return option.hasArg() ? names + " " + option.getArgName() : names;
    }

    /** Returns the last word of the command. */
    String name() {
        return command.substring(command.indexOf(' ') + 1);
    }
}
