package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.qcow2.RepairLog;
import java.io.IOException;
import java.io.PrintWriter;

/**
 * The printer of the changes that a repair is about to make, so that they can be undone by hand. It prints a line per
 * word, or an element of the array that the JSON object starts with.
 */
final class RepairPrinter implements RepairLog {

    private static final String JSON_START = "{\"changes\":[";

    private final PrintWriter out;
    private final boolean json;
    private boolean begun;

    RepairPrinter(PrintWriter out, boolean json) {
        this.out = out;
        this.json = json;
    }

    @Override
    public void change(long offsetBytes, long oldWord, long newWord) {
        if (json) {
            out.print(begun ? "," : JSON_START);
            out.print("{\"offset\":%d,\"old\":\"%016x\",\"new\":\"%016x\"}".formatted(offsetBytes, oldWord, newWord));
        } else {
            out.println("%#x: %016x -> %016x".formatted(offsetBytes, oldWord, newWord));
        }
        begun = true;
    }

    /** Writes the output. A change that cannot be printed must not be made. */
    @Override
    public void flush() throws IOException {
        if (out.checkError()) {
            throw new IOException("the repair stopped because its changes could not be printed: run it again");
        }
    }

    /** Ends the array and adds the members of another object. */
    void endJson(String object) {
        out.println((begun ? "" : JSON_START) + "]," + object.substring(1));
    }
}
