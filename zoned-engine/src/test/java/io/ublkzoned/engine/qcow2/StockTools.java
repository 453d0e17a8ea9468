package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The runner of qemu-img and qemu-io. */
public final class StockTools {

    private static final Pattern LEAK = Pattern.compile("Leaked cluster (\\d+) refcount=1 reference=0");

    /** The result of a run: its exit status and all of its output. */
    public record Outcome(int exit, String output) {

        /** Returns the clusters that a check found leaked. */
        public List<Long> leaks() {
            List<Long> leaks = new ArrayList<>();
            Matcher matcher = LEAK.matcher(output);
            while (matcher.find()) {
                leaks.add(Long.parseLong(matcher.group(1)));
            }
            return leaks;
        }
    }

    private StockTools() {}

    /** Skips the test if the tools are not installed. */
    public static void require() {
        boolean found = true;
        try {
            run("qemu-img", "--version");
        } catch (IOException e) {
            found = false;
        }
        assumeTrue(found, "SKIPPED: no qemu-img to compare with; apt-get install qemu-utils");
    }

    public static Outcome run(String... command) throws IOException {
        return run(List.of(command));
    }

    private static Outcome run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            return new Outcome(process.waitFor(), output);
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    /** Runs a command that must succeed. */
    public static void succeed(String... command) throws IOException {
        Outcome outcome = run(command);
        assertEquals(0, outcome.exit(), String.join(" ", command) + ": " + outcome.output());
    }

    /** Runs these commands in qemu-io. They must succeed. */
    public static void io(String image, String... commands) throws IOException {
        List<String> words = new ArrayList<>(List.of("qemu-io"));
        for (String command : commands) {
            words.add("-c");
            words.add(command);
        }
        words.add(image);
        Outcome outcome = run(words);
        assertEquals(0, outcome.exit(), words + ": " + outcome.output());
    }
}
