package io.ublkzoned.backend.cli;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.backend.ublk.RequestsInKernel;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLog;
import io.ublkzoned.backend.ublk.UblkServer;
import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The life of a server as a process. It brings a device up, prints its path, and serves until the device is deleted or
 * the process gets SIGTERM or SIGINT. After a power cut, it can bring the device back.
 *
 * <p>The launcher leaves a server in the background. It starts this process apart from the terminal, with {@code
 * --detach} and a pipe as its stdout, and waits for the line with the path of the device. When the device is live, the
 * process redirects its output to the log, which closes the pipe. Until then, failures go to the stderr of the caller.
 */
final class Serving {

    private static final int STDOUT = 1;
    private static final int STDERR = 2;
    private static final int LOG_MODE = 0600;

    /** A way to bring a device up. */
    @FunctionalInterface
    interface Start {
        UblkServer start() throws IOException;
    }

    /** Adds the options for serving in the foreground or in the background. */
    static Syntax options(Syntax syntax) {
        return syntax.flag("--foreground", "Serve in the foreground, with the log on stderr.")
                .hiddenFlag("--detach");
    }

    private final Arguments line;
    private final boolean detach;
    private final CompletableFuture<UblkServer> started = new CompletableFuture<>();
    private final CompletableFuture<Integer> end = new CompletableFuture<>();

    @GuardedBy("this")
    private @Nullable UblkServer current;

    @GuardedBy("this")
    private boolean signalled;

    Serving(Arguments line) {
        this.line = line;
        detach = line.has("--detach");
        if (detach && line.has("--foreground")) {
            throw line.usage("--foreground and --detach exclude each other");
        }
    }

    /** Serves the device. Returns the exit status when the device is gone. */
    int run(Start start) throws IOException {
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "stop"));
        UblkServer server = start(start);
        try {
            announce(server);
        } catch (IOException | RuntimeException | Error e) {
            undo(server, e);
            throw e;
        }
        int status = serve(server);
        end.complete(status);
        return status;
    }

    /** Serves until the device does not come back. Returns the exit status. */
    private int serve(UblkServer first) {
        UblkServer server = first;
        while (server != null) {
            String path = server.devicePath();
            ServerLog.LOG.info("{} is live", path);
            try {
                server.awaitStop();
                ServerLog.LOG.info("{} is closed", path);
            } catch (IOException | RuntimeException | Error e) {
                ServerLog.LOG.error("{} was not closed cleanly", path, e);
                return ExitStatus.FAILURE;
            }
            try {
                server = server.comeBack();
            } catch (IOException | RuntimeException | Error e) {
                ServerLog.LOG.error("{} does not come back after its power was cut", path, e);
                return ExitStatus.FAILURE;
            }
            if (server != null) {
                setCurrent(server);
            }
        }
        return ExitStatus.SUCCESS;
    }

    /** Sets the server that a signal stops. Stops it at once if the signal has come. */
    private synchronized void setCurrent(UblkServer server) {
        current = server;
        if (signalled) {
            server.stop();
        }
    }

    /** Returns the server to stop. A later one is stopped when it is set. */
    private synchronized UblkServer currentAtSignal() {
        signalled = true;
        return requireNonNull(current);
    }

    /** Stops a device that could not be announced, since no process knows of it. */
    private void undo(UblkServer server, Throwable cause) {
        try {
            server.stop();
            server.awaitStop();
        } catch (IOException | RuntimeException | Error e) {
            cause.addSuppressed(e);
        }
        end.complete(ExitStatus.FAILURE);
    }

    private UblkServer start(Start start) throws IOException {
        try {
            UblkServer server = start.start();
            setCurrent(server);
            started.complete(server);
            return server;
        } finally {
            started.cancel(false); // if it has not completed
        }
    }

    /**
     * Prints the path. In the background it also leaves the working directory, the mounts, the pipe and the terminal of
     * the caller.
     */
    private void announce(UblkServer server) throws IOException {
        if (!detach) {
            printPath(server);
            return;
        }
        LinuxException.check(LinuxProcess.chdir("/"), "chdir", "/");
        InheritedMounts.detach();
        String log = new RunDirectory(server.deviceId()).logFile().toString();
        int flags = FileFlags.O_WRONLY | FileFlags.O_CREAT | FileFlags.O_APPEND;
        // The log must exist when the caller reads the path.
        try (FileDescriptor file = FileDescriptor.open(log, flags, LOG_MODE)) {
            printPath(server);
            LinuxException.check(LinuxProcess.dup2(file.value(), STDERR), "dup2", log);
            LinuxException.check(LinuxProcess.dup2(file.value(), STDOUT), "dup2", log);
        }
    }

    private void printPath(UblkServer server) throws IOException {
        line.out().println(server.devicePath());
        if (line.out().checkError()) {
            throw new CommandFailure("the device's path could not be printed, so the device was deleted again");
        }
    }

    /**
     * Stops the device on a signal, in a shutdown hook, and ends the process with the status of the server. If the
     * device is still being brought up, waits for that first; otherwise a half-made device would be left behind.
     */
    private void stop() {
        started.handle((server, failure) -> server).join();
        if (started.isCompletedExceptionally()) {
            return;
        }
        UblkServer server = currentAtSignal();
        if (!end.isDone()) {
            server.endFaults();
            MountedFileSystem.sync(new LiveDevice(server.deviceId()), ServerLog.LOG::warn);
            server.stop();
        }
        Runtime.getRuntime().halt(awaitEnd(server));
    }

    /** Returns the exit status when the device and the image are closed. */
    private int awaitEnd(UblkServer server) {
        WaitClock clock = new WaitClock();
        while (true) {
            try {
                return end.get(clock.untilNextNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                ServerLog.LOG.warn(
                        "{} has been ending for {} s: {}",
                        server.devicePath(),
                        clock.seconds(),
                        RequestsInKernel.of(server.deviceId()));
                clock.isDue();
            } catch (InterruptedException | ExecutionException e) {
                throw new IllegalStateException(e); // no thread interrupts this one, and the future never fails
            }
        }
    }
}
