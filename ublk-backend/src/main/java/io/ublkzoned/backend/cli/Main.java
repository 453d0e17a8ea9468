package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.GeometryException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;

/** The program: finds the subcommand, runs it, and turns whatever it throws into one sentence and an exit status. */
@Command(
        name = "ublk-zoned",
        description = "A zoned disk in one file.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned COMMAND [OPTION]... [ARGUMENT]...",
        versionProvider = Main.Version.class,
        sortOptions = false,
        commandListHeading = "%nCommands, each with its own --help:%n",
        optionListHeading = "%n",
        footer = {
            "",
            "Sizes are bytes, or numbers with K, M, G or T (powers of two). A device is N or /dev/ublkbN.",
            "Exit status: 0 done, 1 failed, 2 wrong usage; check has more."
        })
public final class Main {

    static final int DONE = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    private static final int HELP_COLUMNS = 100;

    /** The subcommands, in the order of a disk's life. */
    private enum Vocabulary {
        CREATE,
        ADD,
        LIST,
        DEL,
        RECOVER,
        ZONE,
        REPORT,
        INFO,
        CHECK,
        FEATURES,
        DOCTOR;

        Subcommand make() {
            return switch (this) {
                case CREATE -> new Create();
                case ADD -> new Add();
                case LIST -> new ListDevices();
                case DEL -> new Del();
                case RECOVER -> new Recover();
                case ZONE -> new ChangeZones();
                case REPORT -> new Report();
                case INFO -> new Info();
                case CHECK -> new Check();
                case FEATURES -> new Features();
                case DOCTOR -> new Doctor();
            };
        }

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The version that the module was built with. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            Module module = Main.class.getModule();
            String version =
                    module.isNamed() ? module.getDescriptor().rawVersion().orElse("") : "";
            return new String[] {("ublk-zoned " + version).strip()};
        }
    }

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean version;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of a failure.")
    private boolean debug;

    private Main() {}

    public static void main(String[] args) {
        PrintWriter out = new PrintWriter(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        System.exit(run(args, out, err));
    }

    /** Runs one command line and returns its exit status. */
    static int run(String[] args, PrintWriter out, PrintWriter err) {
        Main main = new Main();
        int status;
        try {
            status = main.execute(args, out, err);
        } catch (ParameterException e) {
            String command = e.getCommandLine().getCommandSpec().qualifiedName();
            err.println("ublk-zoned: " + e.getMessage() + "; see " + command + " --help");
            status = USAGE;
        } catch (IOException | RuntimeException | LinkageError e) {
            status = main.failed(e, err);
        }
        if (out.checkError() && status == DONE) {
            err.println("ublk-zoned: the output could not be written");
            status = FAILED;
        }
        return status;
    }

    private int execute(String[] args, PrintWriter out, PrintWriter err) throws IOException {
        ParseResult parsed = commandLine(List.of(args)).setOut(out).setErr(err).parseArgs(args);
        if (CommandLine.executeHelpRequest(parsed) != null) {
            return DONE;
        }
        if (!parsed.hasSubcommand()) {
            throw new ParameterException(parsed.commandSpec().commandLine(), "which command?");
        }
        CommandLine line = parsed.subcommand().commandSpec().commandLine();
        return line.<Subcommand>getCommand().run(line);
    }

    /**
     * Reading the annotations of all commands takes longer than most of them do, so it reads those that may be meant.
     */
    private CommandLine commandLine(List<String> args) {
        Vocabulary[] named = Arrays.stream(Vocabulary.values())
                .filter(entry -> args.contains(entry.word()))
                .toArray(Vocabulary[]::new);
        CommandLine main = new CommandLine(this);
        for (Vocabulary entry : named.length == 0 ? Vocabulary.values() : named) {
            main.addSubcommand(entry.word(), entry.make());
        }
        return main.setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF)).setUsageHelpWidth(HELP_COLUMNS);
    }

    private int failed(Throwable e, PrintWriter err) {
        err.println("ublk-zoned: " + sentence(e));
        if (debug) {
            e.printStackTrace(err);
        }
        return e instanceof CommandFailure failure ? failure.exitStatus() : FAILED;
    }

    private static String sentence(Throwable e) {
        return switch (e) {
            case NoSuchFileException missing -> missing.getFile() + ": no such file";
            case AccessDeniedException denied -> denied.getFile() + ": no permission";
            case FileSystemException other when other.getReason() != null -> other.getFile() + ": " + other.getReason();
            case IOException io when io.getMessage() != null -> io.getMessage();
            case GeometryException geometry when geometry.getMessage() != null -> geometry.getMessage();
            default -> "internal error, please report it with what --debug shows: " + e;
        };
    }
}
