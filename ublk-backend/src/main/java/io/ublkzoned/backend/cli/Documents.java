package io.ublkzoned.backend.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The manual page and the shell completion, made from templates. The commands and options in them come from the commands'
 * syntax, as in the help. {@code scripts/package} runs it.
 */
public final class Documents {

    /** The line of a template that is replaced by the commands. */
    private static final Pattern PLACE = Pattern.compile("^.*@COMMANDS@.*\n", Pattern.MULTILINE);

    private static final String VERSION = "@VERSION@";

    private Documents() {}

    /** Prints a document. The arguments are {@code manual} or {@code completion}, and the template. */
    public static void main(String[] args) throws IOException {
        String template = Files.readString(Path.of(args[1]));
        String document = args[0].equals("manual") ? manual(template) : completion(template);
        new PrintStream(System.out, true, StandardCharsets.UTF_8).print(document);
    }

    /** Returns the manual page in the format of man(7). */
    static String manual(String template) {
        StringBuilder text = new StringBuilder();
        for (Syntax command : Main.commands()) {
            text.append(".SS ").append(roff(command.name())).append('\n');
            for (String synopsis : command.synopses()) {
                text.append(".B ublk\\-zoned ").append(roff(command.name())).append('\n');
                text.append(roff(synopsis)).append("\n.br\n");
            }
            text.append(".PP\n").append(roff(command.description())).append('\n');
            for (Syntax.ShownOption option : command.options()) {
                text.append(".TP\n.B ").append(roff(option.names())).append('\n');
                text.append(roff(option.text())).append('\n');
            }
            if (!command.footer().isEmpty()) {
                text.append(".PP\n");
                command.footer()
                        .forEach(line ->
                                text.append(line.isEmpty() ? ".PP" : roff(line)).append('\n'));
            }
        }
        return replaceCommands(template, text.toString());
    }

    /** Escapes the characters that roff interprets, at the start of a line and elsewhere. */
    private static String roff(String text) {
        String escaped = text.replace("\\", "\\e").replace("-", "\\-");
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }

    /** Returns the completion for Bash. */
    static String completion(String template) {
        StringBuilder text = new StringBuilder();
        for (Syntax command : Main.commands()) {
            String names = command.options().stream()
                    .flatMap(option -> option.eachName().stream())
                    .collect(Collectors.joining(" "));
            text.append("    [%s]='%s'\n".formatted(command.name(), names));
        }
        return replaceCommands(template, text.toString());
    }

    private static String replaceCommands(String template, String text) {
        String[] around = PLACE.split(template, -1);
        if (around.length != 2) {
            throw new IllegalArgumentException(
                    "a template has one line with @COMMANDS@, and this one has " + (around.length - 1));
        }
        String version = Main.version().replaceAll("[^0-9.]", "");
        return (around[0] + text + around[1]).replace(VERSION, version);
    }
}
