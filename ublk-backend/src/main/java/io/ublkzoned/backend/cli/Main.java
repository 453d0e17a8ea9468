package io.ublkzoned.backend.cli;

import io.ublkzoned.bindings.linux.Platform;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The program: finds the command, runs it, and prints every failure as one sentence with an exit status. */
public final class Main {

    private static final String VERSION = "--version";

    /** The commands, in the order in which a disk needs them. */
    private enum Vocabulary {
        CREATE,
        ADD,
        LIST,
        DEL,
        RECOVER,
        ZONE,
        INJECT,
        CUT,
        MARK,
        LOG,
        REPLAY,
        REPORT,
        INFO,
        WATCH,
        METRICS,
        CHECK,
        CONVERT_LAYOUT,
        FEATURES,
        DOCTOR;

        Command make() {
            return switch (this) {
                case CREATE -> new CreateCommand();
                case ADD -> new AddCommand();
                case LIST -> new ListCommand();
                case DEL -> new DelCommand();
                case RECOVER -> new RecoverCommand();
                case ZONE -> new ZoneCommand();
                case INJECT -> new InjectCommand();
                case CUT -> new CutCommand();
                case MARK -> new MarkCommand();
                case LOG -> new LogCommand();
                case REPLAY -> new ReplayCommand();
                case REPORT -> new ReportCommand();
                case INFO -> new InfoCommand();
                case WATCH -> new WatchCommand();
                case METRICS -> new MetricsCommand();
                case CHECK -> new CheckCommand();
                case CONVERT_LAYOUT -> new ConvertLayoutCommand();
                case FEATURES -> new FeaturesCommand();
                case DOCTOR -> new DoctorCommand();
            };
        }

        /** Returns the word as it is typed. */
        private String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        static Vocabulary find(String word, Syntax syntax) {
            return Arrays.stream(values())
                    .filter(entry -> entry.word().equals(word))
                    .findFirst()
                    .orElseThrow(() -> syntax.usage("unknown command '" + word + "'"));
        }
    }

    private Main() {}

    public static void main(String[] args) {
        PrintWriter out = new PrintWriter(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        int status = run(args, out, err);
        // System.exit would first set up Java's own logging, to find out whether exits are logged. That takes a tenth
        // of the time of a short command.
        Runtime.getRuntime().halt(status);
    }

    /** Runs one command line and returns its exit status. */
    static int run(String[] args, PrintWriter out, PrintWriter err) {
        List<String> words = List.of(args);
        int status;
        try {
            status = execute(words, out, err);
        } catch (UsageException e) {
            err.println("ublk-zoned: " + e.getMessage() + "; see " + e.command() + " " + Syntax.HELP);
            status = ExitStatus.USAGE;
        } catch (Throwable e) {
            // Errors included: a command prints a sentence, and a stack trace only with --debug.
            status = failed(e, words.contains(Syntax.DEBUG), err);
        }
        if (out.checkError() && status == ExitStatus.SUCCESS) {
            err.println("ublk-zoned: the output could not be written");
            status = ExitStatus.FAILURE;
        }
        return status;
    }

    /** Runs a command. Options before the command are those of the program. */
    private static int execute(List<String> words, PrintWriter out, PrintWriter err) throws IOException {
        String problem = Platform.problem();
        if (!problem.isEmpty()) {
            throw new CommandFailure(problem);
        }
        int at = 0;
        while (at < words.size() && words.get(at).startsWith("-")) {
            at++;
        }
        Syntax syntax = syntax();
        Arguments own = syntax.parse(words.subList(0, at), out, err);
        if (own.has(VERSION)) {
            out.println(version());
            return ExitStatus.SUCCESS;
        }
        if (own.has(Syntax.HELP)) {
            syntax.printHelp(out, commands());
            return ExitStatus.SUCCESS;
        }
        if (at == words.size()) {
            throw syntax.usage("the command is missing");
        }
        Command command = Vocabulary.find(words.get(at), syntax).make();
        Syntax of = command.syntax();
        Arguments line = of.parse(words.subList(at + 1, words.size()), out, err);
        if (line.has(Syntax.HELP)) {
            of.printHelp(out, List.of());
            return ExitStatus.SUCCESS;
        }
        return command.run(line);
    }

    /** Returns the syntax of each command, in the order in which a disk needs them. */
    static List<Syntax> commands() {
        return Arrays.stream(Vocabulary.values())
                .map(entry -> entry.make().syntax())
                .toList();
    }

    private static Syntax syntax() {
        return new Syntax("ublk-zoned", "A zoned disk in one file.", "COMMAND [OPTION]... [ARGUMENT]...")
                .flag("-V " + VERSION, "Show the version.")
                .footer(
                        "",
                        "Sizes are bytes, or numbers with K, M, G or T (powers of two). A device is N or /dev/ublkbN.",
                        "Exit status: 0 done, 1 failed, 2 wrong usage; check has more.");
    }

    /** Returns the program's name, and the version with which the module was built. */
    static String version() {
        Module module = Main.class.getModule();
        String version = module.isNamed() ? module.getDescriptor().rawVersion().orElse("") : "";
        return ("ublk-zoned " + version).strip();
    }

    private static int failed(Throwable e, boolean debug, PrintWriter err) {
        err.println("ublk-zoned: " + FailureSentence.of(e));
        if (debug) {
            e.printStackTrace(err);
        }
        return e instanceof CommandFailure failure ? failure.exitStatus() : ExitStatus.FAILURE;
    }
}
