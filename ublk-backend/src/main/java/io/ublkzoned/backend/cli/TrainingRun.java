package io.ublkzoned.backend.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.module.ModuleReader;
import java.lang.module.ResolvedModule;
import java.net.StandardProtocolFamily;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.HdrHistogram.AtomicHistogram;

/**
 * The training run of the class cache. It runs commands on an image that it makes, and prints nothing. Java stores the
 * classes that the run loads in the cache, so later starts take less time. It needs no driver and touches no device.
 */
public final class TrainingRun {

    private static final String MODULE_PREFIX = "io.ublkzoned.";
    private static final String CLASS_SUFFIX = ".class";

    private TrainingRun() {}

    /** Runs all commands of the training, and loads the remaining classes. */
    public static void main(String[] args) throws IOException {
        runCommands();
        run("doctor");
        run("add", "--image", "/none"); // up to the step that needs an image
        ServerSocketChannel.open(StandardProtocolFamily.UNIX).close(); // the kind of socket that a server listens on
        new AtomicHistogram(1, 2, 2).recordValue(1); // the kind of histogram that its queues have
        loadAll();
    }

    /** Loads the classes that only a server needs. */
    private static void loadAll() throws IOException {
        for (ResolvedModule resolved : ModuleLayer.boot().configuration().modules()) {
            String name = resolved.name();
            if (name.startsWith(MODULE_PREFIX)) {
                Module module = ModuleLayer.boot().findModule(name).orElseThrow();
                try (ModuleReader reader = resolved.reference().open();
                        Stream<String> resources = reader.list()) {
                    resources
                            .filter(resource -> resource.endsWith(CLASS_SUFFIX))
                            .map(resource -> resource.substring(0, resource.length() - CLASS_SUFFIX.length()))
                            .forEach(type -> Class.forName(module, type.replace('/', '.')));
                }
            }
        }
    }

    /** Runs the commands on an image. Returns whether all of them succeeded. */
    static boolean runCommands() throws IOException {
        Path folder = Files.createTempDirectory("ublk-zoned-training");
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
        return Main.run(words, nowhere, nowhere) == ExitStatus.SUCCESS;
    }
}
