package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerOptions;
import io.ublkzoned.backend.ublk.UblkServer;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.LinuxProcess;
import io.ublkzoned.engine.ImageFormatException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code add}: serves an image as a block device, until the device is deleted or the process gets SIGTERM or SIGINT.
 *
 * <p>To leave a server in the background is the launcher's work: it starts this process apart from the terminal, with
 * {@code --detach} and a pipe as its stdout, and waits for the line with the device's path. When the device is live,
 * the process turns its output to the log and so closes the pipe; until then what goes wrong is on the caller's
 * stderr.
 */
@Command(
        name = "add",
        description = "Attach an image as a zoned block device, and print the path of that.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned add [OPTION]... IMAGE [N]",
        optionListHeading = "%n",
        sortOptions = false)
final class Add implements Subcommand {

    private static final Logger LOG = LoggerFactory.getLogger(Add.class);

    private static final int QUEUES_MAX = 4096; // UBLK_MAX_NR_QUEUES
    private static final int QUEUE_DEPTH_MAX = 4096; // UBLK_MAX_QUEUE_DEPTH
    private static final int DEFAULT_QUEUES_MAX = 4;
    private static final int STDOUT = 1;
    private static final int STDERR = 2;
    private static final int LOG_MODE = 0644;

    @Option(names = "--image", paramLabel = "FILE", description = "The image, instead of an argument.")
    private @Nullable Path image;

    @Option(
            names = {"-n", "--id"},
            paramLabel = "N",
            converter = DeviceName.class,
            description = "The number of the device; the first that is free by default.")
    private @Nullable Integer id;

    @Option(
            names = {"-q", "--queues"},
            paramLabel = "N",
            description = "How many queues, each with a thread; by default one per CPU, up to 4.")
    private int queues = Math.min(DEFAULT_QUEUES_MAX, Runtime.getRuntime().availableProcessors());

    @Option(
            names = {"-d", "--depth"},
            paramLabel = "N",
            description = "How many requests at a time per queue, 128 by default.")
    private int queueDepth = 128;

    @Option(
            names = "--block-size",
            paramLabel = "SIZE",
            converter = Sizes.Bytes.class,
            description = "The logical block size: 4096, the default, or 512.")
    private long blockSize = 4096;

    @Option(names = "--foreground", description = "Serve in the foreground, with the log on stderr.")
    private boolean foreground;

    @Option(names = "--detach", hidden = true)
    private boolean detach;

    @Parameters(arity = "0..*", hidden = true)
    private @Nullable List<String> words;

    @Override
    public int run(CommandLine line) throws IOException {
        ServerOptions options = options(line);
        CompletableFuture<UblkServer> started = new CompletableFuture<>();
        CompletableFuture<Integer> end = new CompletableFuture<>();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(started, end), "stop"));
        UblkServer server = start(options, started);
        line.getOut().println(server.devicePath());
        line.getOut().flush();
        if (detach) {
            leaveCaller(new RunDirectory(server.deviceId()));
        }
        LOG.info("{} is live", server.devicePath());
        int status = Main.DONE;
        try {
            server.awaitStop();
            LOG.info("{} is closed", server.devicePath());
        } catch (IOException | RuntimeException | Error e) {
            LOG.error("{} was not closed cleanly", server.devicePath(), e);
            status = Main.FAILED;
        }
        end.complete(status);
        return status;
    }

    private ServerOptions options(CommandLine line) {
        Operands operands = new Operands(line, words);
        Path path = operands.image(image);
        String device = operands.next();
        operands.end();
        if (device != null) {
            if (id != null) {
                throw operands.usage("-n and '" + device + "' both number the device");
            }
            id = DeviceName.parse(device).orElseThrow(() -> operands.usage("'" + device + "' is not a device: use N"));
        }
        if (foreground && detach) {
            throw operands.usage("--foreground and --detach exclude each other");
        }
        requireRange(operands, "queues", queues, QUEUES_MAX);
        requireRange(operands, "the depth", queueDepth, QUEUE_DEPTH_MAX);
        if (blockSize != 4096 && blockSize != 512) {
            throw operands.usage("the block size is 4096 or 512, not " + blockSize);
        }
        return new ServerOptions(path, id == null ? ServerOptions.ANY_ID : id, queues, queueDepth, (int) blockSize);
    }

    private static void requireRange(Operands operands, String name, int value, int max) {
        if (value < 1 || value > max) {
            throw operands.usage(name + " can be from 1 to " + max + ", not " + value);
        }
    }

    private static UblkServer start(ServerOptions options, CompletableFuture<UblkServer> started) throws IOException {
        try {
            UblkServer server = UblkServer.start(options);
            started.complete(server);
            return server;
        } catch (ImageFormatException e) {
            throw new CommandFailure(options.image() + ": " + e.getMessage(), e);
        } finally {
            started.cancel(false); // if it has not completed
        }
    }

    /**
     * On a signal, in a shutdown hook: the process ends when this returns, with the status of a clean end. A device that
     * is on its way is waited for, since half of one would stay behind.
     */
    private static void stop(CompletableFuture<UblkServer> started, CompletableFuture<Integer> end) {
        started.handle((server, failure) -> server).join();
        if (started.isCompletedExceptionally()) {
            return;
        }
        UblkServer server = started.join();
        if (!end.isDone()) {
            try {
                server.stop();
            } catch (IOException e) {
                LOG.error("{} could not be stopped", server.devicePath(), e);
                end.complete(Main.FAILED);
            }
        }
        Runtime.getRuntime().halt(end.join());
    }

    /** Lets go of the caller's terminal, pipe and folder. */
    private static void leaveCaller(RunDirectory directory) throws IOException {
        String log = directory.logFile().toString();
        int flags = FileFlags.O_WRONLY | FileFlags.O_CREAT | FileFlags.O_TRUNC;
        try (FileDescriptor file = FileDescriptor.open(log, flags, LOG_MODE)) {
            LinuxException.check(LinuxProcess.dup2(file.value(), STDERR), "dup2", log);
            LinuxException.check(LinuxProcess.dup2(file.value(), STDOUT), "dup2", log);
        }
        LinuxException.check(LinuxProcess.chdir("/"), "chdir", "/");
    }
}
