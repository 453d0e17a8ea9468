package io.ublkzoned.bindings.linux;

import io.ublkzoned.bindings.generated.libc.libc_h;
import io.ublkzoned.bindings.generated.libc.winsize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The size of a terminal in characters, at least 1 by 1. */
public record TerminalSize(int rows, int columns) {

    private static final int STDOUT = 1;

    /** Returns the size of the terminal to which stdout goes; empty if it goes elsewhere, or the terminal has no size. */
    public static Optional<TerminalSize> ofStdout() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment size = winsize.allocate(arena);
            if (Libc.ioctl(STDOUT, libc_h.TIOCGWINSZ(), size) != 0) {
                return Optional.empty();
            }
            TerminalSize found = new TerminalSize(
                    Short.toUnsignedInt(winsize.ws_row(size)), Short.toUnsignedInt(winsize.ws_col(size)));
            return found.rows > 0 && found.columns > 0 ? Optional.of(found) : Optional.empty();
        }
    }
}
