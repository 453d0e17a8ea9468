package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.util.List;
import org.junit.jupiter.api.Test;

class MainTest {

    @Test
    void everyCommandIsInTheHelp() {
        String help = CommandLineRun.of("--help").succeeded().out();
        for (String command : List.of(
                "create", "add", "list", "del", "report", "info", "check", "convert-layout", "features", "doctor")) {
            assertTrue(help.contains("\n  " + command + " "), help);
            assertTrue(
                    CommandLineRun.of(command, "--help").succeeded().out().startsWith("usage: ublk-zoned " + command));
        }
    }

    @Test
    void versionIsOneLine() {
        assertTrue(CommandLineRun.of("--version").succeeded().out().matches("ublk-zoned [0-9.]+\n"));
    }

    @Test
    void noCommandIsWrongUsage() {
        CommandLineRun.of().failed(2, "the command is missing; see ublk-zoned --help");
    }

    @Test
    void unknownCommandIsWrongUsage() {
        CommandLineRun run = CommandLineRun.of("destroy");
        assertEquals(2, run.status());
        assertTrue(run.err().matches("ublk-zoned: .*'destroy'.*; see ublk-zoned --help\n"), run.err());
    }

    @Test
    void unknownOptionIsWrongUsage() {
        CommandLineRun.of("list", "--yaml").failed(2, "Unknown option: '--yaml'; see ublk-zoned list --help");
    }

    @Test
    void stackTraceIsShownForDebugOnly() {
        CommandLineRun.of("info", "/nonexistent").failed(1, "/nonexistent: no such file");
        CommandLineRun debug = CommandLineRun.of("info", "/nonexistent", "--debug");
        assertEquals(1, debug.status());
        assertTrue(debug.err().contains("\tat "), debug.err());
    }

    @Test
    void javaErrorIsOneSentenceToo() {
        PrintWriter broken = new PrintWriter(Writer.nullWriter()) {
            @Override
            public void println(String line) {
                throw new StackOverflowError();
            }
        };
        StringWriter err = new StringWriter();
        assertEquals(ExitStatus.FAILURE, Main.run(new String[] {"--version"}, broken, new PrintWriter(err, true)));
        assertEquals(
                "ublk-zoned: internal error, please report it with the output of --debug: java.lang.StackOverflowError\n",
                err.toString());
    }

    @Test
    void outputThatCannotBeWrittenIsAFailure() {
        Writer full = new Writer() {
            @Override
            public void write(char[] text, int from, int length) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        StringWriter err = new StringWriter();
        assertEquals(1, Main.run(new String[] {"--version"}, new PrintWriter(full), new PrintWriter(err)));
        assertEquals("ublk-zoned: the output could not be written\n", err.toString());
    }

    @Test
    void otherMachinesAndSystemsAreRefusedInOneSentence() {
        String arch = System.setProperty("os.arch", "riscv64");
        try {
            for (String[] words : new String[][] {{"--version"}, {"list"}}) {
                CommandLineRun.of((Object[]) words)
                        .failed(1, "ublk-zoned needs Linux on x86-64: this is Linux on riscv64");
            }
        } finally {
            System.setProperty("os.arch", arch);
        }
    }

    @Test
    void trainingCommandsSucceed() throws IOException {
        assertTrue(TrainingRun.runCommands());
    }

    @Test
    void listOfNoDevicesIsEmpty() {
        assertEquals("", CommandLineRun.of("list").succeeded().out());
        assertEquals("[]\n", CommandLineRun.of("list", "--json").succeeded().out());
    }

    @Test
    void deviceOfAnotherProgramIsRefused() {
        String sentence = "there is no device 77 of ublk-zoned: see ublk-zoned list";
        CommandLineRun.of("del", "77").failed(1, sentence);
        CommandLineRun.of("del", "/dev/ublkb77").failed(1, sentence);
        CommandLineRun.of("del", "/dev/ublkc77").failed(1, sentence);
        CommandLineRun.of("del", "-n", "77").failed(1, sentence);
        CommandLineRun.of("report", "77").failed(1, sentence);
        CommandLineRun.of("info", "-n", "/dev/ublkb77").failed(1, sentence);
    }

    @Test
    void delRequiresADeviceOrAll() {
        CommandLineRun.of("del").failed(2, "the device is missing; see ublk-zoned del --help");
        CommandLineRun.of("del", "-a", "1").failed(2, "-a and a device exclude each other; see ublk-zoned del --help");
        assertEquals(2, CommandLineRun.of("del", "/dev/sda").status());
        CommandLineRun.of("del", "-a").succeeded();
    }
}
