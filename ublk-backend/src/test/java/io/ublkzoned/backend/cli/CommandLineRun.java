package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/** One run of the program in this process: its output and its exit status. */
record CommandLineRun(int status, String out, String err) {

    static CommandLineRun of(Object... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] args = Arrays.stream(words).map(Object::toString).toArray(String[]::new);
        int status = Main.run(args, new PrintWriter(out), new PrintWriter(err));
        return new CommandLineRun(status, out.toString(), err.toString());
    }

    /** Requires that the run succeeded and printed nothing on stderr. */
    CommandLineRun succeeded() {
        assertEquals("", err);
        assertEquals(0, status);
        return this;
    }

    /** Requires that the run ended with this status and this one sentence. */
    void failed(int expectedStatus, String expectedSentence) {
        assertEquals("ublk-zoned: " + expectedSentence + "\n", err);
        assertEquals("", out);
        assertEquals(expectedStatus, status);
    }
}
