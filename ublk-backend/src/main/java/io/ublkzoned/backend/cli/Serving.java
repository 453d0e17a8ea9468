package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLog;
import io.ublkzoned.backend.ublk.UblkServer;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/**
 * A server's life as a process: brings a device up, prints its path, serves until it is deleted or the process gets
 * SIGTERM or SIGINT.
 *
 * <p>To leave a server in the background is the launcher's work: it starts this process apart from the terminal, with
 * {@code --detach} and a pipe as its stdout, and waits for the line with the device's path. When the device is live,
 * the process turns its output to the log and so closes the pipe; until then what goes wrong is on the caller's
 * stderr.
 */
final class Serving {

    private static final int STDOUT = 1;
    private static final int STDERR = 2;
    private static final int LOG_MODE = 0644;

    /** Brings a device up. */
    @FunctionalInterface
    interface Start {
        UblkServer start() throws IOException;
    }

    /** Adds the options that say where the server is to live. */
    static Syntax options(Syntax syntax) {
        return syntax.flag("--foreground", "Serve in the foreground, with the log on stderr.")
                .hiddenFlag("--detach");
    }

    private final Arguments line;
    private final boolean detach;
    private final CompletableFuture<UblkServer> started = new CompletableFuture<>();
    private final CompletableFuture<Integer> end = new CompletableFuture<>();

    Serving(Arguments line) {
        this.line = line;
        detach = line.has("--detach");
        if (detach && line.has("--foreground")) {
            throw line.usage("--foreground and --detach exclude each other");
        }
    }

    /** Returns the exit status when the device is gone. */
    int run(Start start) throws IOException {
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "stop"));
        UblkServer server = start(start);
        if (detach) {
            leaveCaller(server);
        } else {
            printPath(server);
        }
        ServerLog.LOG.info("{} is live", server.devicePath());
        int status = Main.DONE;
        try {
            server.awaitStop();
            ServerLog.LOG.info("{} is closed", server.devicePath());
        } catch (IOException | RuntimeException | Error e) {
            ServerLog.LOG.error("{} was not closed cleanly", server.devicePath(), e);
            status = Main.FAILED;
        }
        end.complete(status);
        return status;
    }

    private UblkServer start(Start start) throws IOException {
        try {
            UblkServer server = start.start();
            started.complete(server);
            return server;
        } finally {
            started.cancel(false); // if it has not completed
        }
    }

    private void printPath(UblkServer server) {
        line.out().println(server.devicePath());
        line.out().flush();
    }

    /** Lets go of the caller's terminal, pipe and folder; the log is there when he reads the path. */
    private void leaveCaller(UblkServer server) throws IOException {
        String log = new RunDirectory(server.deviceId()).logFile().toString();
        int flags = FileFlags.O_WRONLY | FileFlags.O_CREAT | FileFlags.O_APPEND;
        try (FileDescriptor file = FileDescriptor.open(log, flags, LOG_MODE)) {
            printPath(server);
            LinuxException.check(LinuxProcess.dup2(file.value(), STDERR), "dup2", log);
            LinuxException.check(LinuxProcess.dup2(file.value(), STDOUT), "dup2", log);
        }
        LinuxException.check(LinuxProcess.chdir("/"), "chdir", "/");
    }

    /**
     * On a signal, in a shutdown hook: the process ends when this returns, with the status of a clean end. A device that
     * is on its way is waited for, since half of one would stay behind.
     */
    private void stop() {
        started.handle((server, failure) -> server).join();
        if (started.isCompletedExceptionally()) {
            return;
        }
        UblkServer server = started.join();
        if (!end.isDone()) {
            try {
                server.stop();
            } catch (IOException e) {
                ServerLog.LOG.error("{} could not be stopped", server.devicePath(), e);
                end.complete(Main.FAILED);
            }
        }
        Runtime.getRuntime().halt(end.join());
    }
}
