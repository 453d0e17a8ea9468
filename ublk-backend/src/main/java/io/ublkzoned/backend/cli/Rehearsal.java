package io.ublkzoned.backend.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Runs commands on an image of its own, and prints nothing: the launcher lets Java remember the classes that it loads
 * here, so that later starts are quick. Needs no driver and touches no device.
 */
public final class Rehearsal {

    private Rehearsal() {}

    /** Runs them all. */
    public static void main(String[] args) throws IOException {
        rehearse();
        run("doctor");
    }

    /** Whether every command did what it was asked to. */
    static boolean rehearse() throws IOException {
        Path folder = Files.createTempDirectory("ublk-zoned-rehearsal");
        String image = folder.resolve("disk.qcow2").toString();
        try {
            boolean good = run("create", image, "--size", "64M", "--zone-size", "16M", "--conventional-zones", "1");
            good &= run("zone", "finish", image, "1");
            good &= run("zone", "offline", image, "2");
            good &= run("report", image);
            good &= run("report", "--json", image);
            good &= run("info", image);
            good &= run("check", image);
            good &= run("list");
            return good;
        } finally {
            Files.deleteIfExists(Path.of(image));
            Files.delete(folder);
        }
    }

    private static boolean run(String... words) {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        return Main.run(words, nowhere, nowhere) == Main.DONE;
    }
}
