package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.qcow2.CheckProgress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/** The progress of a check on a terminal, in one line that is erased at the end. */
final class ProgressBar implements CheckProgress, AutoCloseable {

    private static final int COLUMNS = 40;
    private static final int LINE_COLUMNS = COLUMNS + "[] 100%".length();
    private static final long SHOWN_FROM = 1000;

    private final PrintWriter terminal;
    private long shown = -1;

    /**
     * Draws on a terminal.
     *
     * @param terminal stderr, which is a terminal
     */
    ProgressBar(PrintWriter terminal) {
        this.terminal = terminal;
    }

    /** Returns whether stderr is a terminal, without native code. */
    static boolean isTerminal() {
        try {
            String file = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
            return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty") || file.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void tables(long done, long total) {
        long percent = done * 100 / total;
        if (percent == shown || total < SHOWN_FROM) {
            return;
        }
        shown = percent;
        int filled = (int) (percent * COLUMNS / 100);
        terminal.print("\r[" + "#".repeat(filled) + " ".repeat(COLUMNS - filled) + "] %3d%%".formatted(percent));
        terminal.flush();
    }

    /** Erases the line. */
    @Override
    public void close() {
        if (shown >= 0) {
            terminal.print("\r" + " ".repeat(LINE_COLUMNS) + "\r");
            terminal.flush();
        }
    }
}
