package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.fault.FaultRule;
import io.ublkzoned.engine.fault.FaultRuleParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** The options of a fault rule, as options of a command and as the text of {@link FaultRuleParser}. */
final class FaultOptions {

    private FaultOptions() {}

    /** Adds the options of one rule. */
    static Syntax addTo(Syntax syntax) {
        return syntax.option(
                        "--on",
                        "OP",
                        "The operation: read, write, append, flush, open, close, finish, reset, reset-all or any.")
                .option("--zones", "ZONES", "Only requests to this zone, or to this range, as in 12-15.")
                .option("--range", "FROM+SIZE", "Only reads and writes that touch these addresses, as in 64M+4K.")
                .flag("--fua", "Only writes that must be durable when they complete.")
                .option("--min-size", "SIZE", "Only requests of at least this size.")
                .option("--nth", "N", "Hit only the Nth request of these.")
                .option("--every", "N", "Hit each Nth request of these.")
                .option("--chance", "N/M", "Hit N of M requests, as --seed decides.")
                .option(
                        "--times",
                        "N",
                        "Hit at most N requests, 0 for no limit. Default: 1, or no limit with --every, with --chance, and if"
                                + " the rule only delays.")
                .option("--seed", "N", "Decides what is left to chance. Default: 0.")
                .option(
                        "--error",
                        "NAME",
                        "Fail the request with EIO, ENODATA (medium error), ETIMEDOUT, ENOSPC, EILSEQ, ENOLINK, ENODEV,"
                                + " EREMOTEIO, ETIME, EOVERFLOW or ETOOMANYREFS. Unless --keep says otherwise, it has no"
                                + " effect.")
                .option(
                        "--keep",
                        "SIZE",
                        "With --error: carry out this part of a write or append, or all of any operation, and then fail.")
                .option(
                        "--pointer",
                        "PLACE",
                        "With --error: the write pointer ends behind the kept data (kept, the default), behind the whole request"
                                + " (advanced; the rest reads as zeros), or where it was (unmoved).")
                .option(
                        "--keep-zones",
                        "N",
                        "With --on reset-all --error: the last N of the zones that it would reset keep their data.")
                .option(
                        "--lose",
                        "unflushed",
                        "With --on flush --error: everything that was not flushed is lost at once, and zones are as after a power"
                                + " cycle. Conventional zones lose something only with 'add --power-cuts'.")
                .option("--delay", "TIME", "Carry the request out after 20ms, or after 5ms-50ms as --seed decides.")
                .flag("--stall", "Carry the request out after 'inject --release'.")
                .flag(
                        "--power-cut",
                        "Cut the power, as 'ublk-zoned cut' does. With --keep none, all or random, --seed, and --then.")
                .option(
                        "--then",
                        "WHAT",
                        "With --power-cut: stop, the default, or continue, which brings the device back.")
                .option("--make-zone", "CONDITION", "Make the request's zone read-only or offline first.");
    }

    /** Returns whether a command line has any of the options. */
    static boolean anyIn(Arguments line) {
        return FaultRuleParser.FLAGS.stream().anyMatch(line::has)
                || FaultRuleParser.OPTIONS.stream().anyMatch(line::has);
    }

    /** Returns the rule of a command line. */
    static FaultRule rule(Arguments line) {
        List<String> words = new ArrayList<>();
        for (String option : FaultRuleParser.OPTIONS) {
            String value = line.value(option, FaultOptions::requireWord);
            if (value != null) {
                words.add(option);
                words.add(value);
            }
        }
        FaultRuleParser.FLAGS.stream().filter(line::has).forEach(words::add);
        return parse(line, String.join(" ", words));
    }

    private static String requireWord(String value) {
        if (value.isBlank() || value.chars().anyMatch(Character::isWhitespace)) {
            throw new IllegalArgumentException("'" + value + "' is not one word");
        }
        return value;
    }

    /** Returns the rules that the options of {@code add} give. */
    static List<FaultRule> rules(Arguments line, String option, String fileOption) throws IOException {
        List<FaultRule> rules = new ArrayList<>();
        line.values(option).forEach(text -> rules.add(parse(line, text)));
        for (String file : line.values(fileOption)) {
            for (String text : read(line.operands().path(file))) {
                rules.add(parse(line, text));
            }
        }
        return rules;
    }

    /** Returns the lines of a file that are rules: neither empty nor comments. */
    private static List<String> read(Path file) throws IOException {
        try {
            return Files.readAllLines(file).stream()
                    .map(String::strip)
                    .filter(Predicate.not(String::isEmpty))
                    .filter(text -> !text.startsWith("#"))
                    .toList();
        } catch (NoSuchFileException e) {
            throw new CommandFailure(file + " does not exist: it should have one fault rule per line", e);
        }
    }

    private static FaultRule parse(Arguments line, String text) {
        try {
            return FaultRuleParser.parse(text);
        } catch (IllegalArgumentException e) {
            throw line.usage("'%s': %s".formatted(text, e.getMessage()));
        }
    }
}
