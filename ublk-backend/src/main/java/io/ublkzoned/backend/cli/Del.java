package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.backend.ublk.DeviceInfo;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.UblkControl;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * {@code del}: ends devices. A living server closes its image and removes its device; what a dead one left is closed
 * and removed here.
 */
final class Del implements Subcommand {

    private static final long SERVER_END_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long FORCED_END_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private boolean force;

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned del",
                        "Delete devices; their images are closed and complete then.",
                        "[OPTION]... DEV...",
                        "[OPTION]... -a")
                .option("-n", "N", "A device, instead of an argument.")
                .flag("-a --all", "Delete all devices of ublk-zoned.")
                .flag(
                        "-f --force",
                        "Do not ask who uses the device, whose later I/O fails then; and kill a server that does not end:"
                                + " its image is closed without it, nothing acknowledged is lost.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        force = line.has("--force");
        boolean all = line.has("-a");
        Operands operands = line.operands();
        Set<Integer> devices = new LinkedHashSet<>();
        for (String word = operands.next(); word != null; word = operands.next()) {
            devices.add(line.converted("the device", word, DeviceName::id));
        }
        for (String word : line.values("-n")) {
            devices.add(line.converted("option '-n'", word, DeviceName::id));
        }
        if (all != devices.isEmpty()) {
            throw line.usage(all ? "-a and a device exclude each other" : "which device?");
        }
        List<Integer> wanted = all ? RunDirectory.ids() : new ArrayList<>(devices);
        IOException failure = null;
        for (int id : wanted) {
            try {
                delete(id);
            } catch (IOException e) {
                if (failure != null) {
                    line.err().println("ublk-zoned: " + failure.getMessage());
                }
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
        return Main.DONE;
    }

    private void delete(int id) throws IOException {
        RunDirectory directory = new RunDirectory(id);
        if (!directory.exists()) {
            throw LiveDevice.noDevice(id);
        }
        try (UblkControl control = UblkControl.open()) {
            LiveDevice device = new LiveDevice(id);
            DeviceInfo info = control.info(id);
            ServerProcess server = info == null ? null : ServerProcess.find(info.serverPid());
            if (server != null) {
                if (!force) {
                    requireRunning(server, device);
                    DeviceUsers.requireNone(device);
                }
                server.terminate();
                if (hasEnded(control, id, server)) {
                    if (directory.exists()) {
                        throw new CommandFailure(
                                "the server of %s ended without closing its image, the next add recovers it: see %s"
                                        .formatted(device.path(), directory.logFile()));
                    }
                    return;
                }
                server.kill();
                await(FORCED_END_NANOS, () -> !server.isAlive());
            } else if (!force) {
                DeviceUsers.requireNoneOfDead(device);
            }
            // The server died, and the kernel keeps the device of a dead server.
            control.stop(id);
            control.delete(id);
        }
        closeImage(directory);
        directory.remove();
    }

    private static void requireRunning(ServerProcess server, LiveDevice device) throws IOException {
        if (server.isStopped()) {
            throw new CommandFailure(
                    "the server of %s is stopped: 'kill -CONT %d' lets it go on, 'ublk-zoned del --force %d' kills it"
                            .formatted(device.path(), server.pid(), device.id()));
        }
    }

    private static void closeImage(RunDirectory directory) throws IOException {
        try {
            DeadDevice.closeImage(directory);
        } catch (IOException e) {
            throw new CommandFailure(
                    "the device is gone, but its image was not closed: %s; try again, or give up what was not flushed with rm -r %s"
                            .formatted(e.getMessage(), directory.path()),
                    e);
        }
    }

    /** Waits for a server's end; true unless it has to be killed. */
    private boolean hasEnded(UblkControl control, int id, ServerProcess server) throws IOException {
        boolean ended =
                await(force ? FORCED_END_NANOS : SERVER_END_NANOS, () -> control.info(id) == null && !server.isAlive());
        if (!ended && !force) {
            throw new CommandFailure(
                    "the server of %s (pid %d) has not ended after %d s: see %s, or kill it with --force"
                            .formatted(
                                    DeviceName.path(id),
                                    server.pid(),
                                    TimeUnit.NANOSECONDS.toSeconds(SERVER_END_NANOS),
                                    new RunDirectory(id).logFile()));
        }
        return ended;
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private static boolean await(long nanos, Condition condition) throws IOException {
        long deadline = System.nanoTime() + nanos;
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        return true;
    }
}
