package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.ControlClient;
import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.backend.ublk.DeviceInfo;
import io.ublkzoned.backend.ublk.RequestsInKernel;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.UblkControl;
import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.backend.ublk.WaitListener;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.PowerCut;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The deletion of one device. A living server closes its image and removes its device itself; this class waits until it
 * has done so. If the server is dead, this class closes the image and removes the device.
 */
final class DeviceDeletion {

    private static final long FORCED_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final UblkControl control;
    private final WaitListener listener;
    private final Options options;
    private final LiveDevice device;
    private final RunDirectory directory;

    /**
     * The options of a deletion.
     *
     * @param force whether to delete a device that is in use, and to kill a server that does not end
     * @param discard whether to discard writes that a dead server had acknowledged and not flushed
     * @param image the current path of the image, null if it is at its old path
     */
    record Options(boolean force, boolean discard, @Nullable Path image) {}

    private DeviceDeletion(UblkControl control, WaitListener listener, int id, Options options) {
        this.control = control;
        this.listener = listener;
        this.options = options;
        device = new LiveDevice(id);
        directory = new RunDirectory(id);
    }

    /**
     * Deletes a device.
     *
     * @throws IOException with a sentence if the device is in use, in which case it still works; or if its image was
     *     not closed
     */
    static void delete(int id, Options options, WaitListener listener) throws IOException {
        if (!new RunDirectory(id).exists()) {
            throw LiveDevice.noDevice(id);
        }
        try (UblkControl control = UblkControl.open(listener)) {
            new DeviceDeletion(control, listener, id, options).run();
        }
    }

    /**
     * Cuts the power of a live device for good, and waits until its server has ended.
     *
     * @throws IOException with a sentence if it has no server, or the image was not closed
     */
    static void cutPower(int id, PowerCut cut, WaitListener listener) throws IOException {
        try (UblkControl control = UblkControl.open(listener)) {
            new DeviceDeletion(control, listener, id, new Options(false, false, null)).cutPower(cut);
        }
    }

    private void cutPower(PowerCut cut) throws IOException {
        ServerProcess server = ServerProcess.find(directory);
        new ControlClient(device.id()).cutPower(cut, AfterCut.STOP);
        if (server != null) {
            awaitEnd(server, Long.MAX_VALUE);
        }
        requireClosed();
    }

    private void run() throws IOException {
        ServerProcess server = ServerProcess.find(directory);
        if (server == null) {
            deleteDead();
            return;
        }
        if (options.discard) {
            throw new CommandFailure("%s has a server, pid %d, which closes its image: del without --discard"
                    .formatted(device.path(), server.pid()));
        }
        if (options.force) {
            endByForce(server);
            return;
        }
        awaitStarted(server);
        if (!server.isAlive()) {
            if (isLeft()) {
                deleteDead();
            }
            return;
        }
        if (isLive()) {
            requireRunning(server);
            stopUnlessUsed(server);
        } else {
            server.terminate(); // a device without power would come back
        }
        awaitEnd(server, Long.MAX_VALUE);
        requireClosed();
    }

    private boolean isLive() throws IOException {
        DeviceInfo info = control.info(device.id());
        return info != null && info.isLive();
    }

    /** Waits until an {@code add} or {@code recover} that has not printed its path yet has succeeded or failed. */
    private void awaitStarted(ServerProcess server) throws IOException {
        WaitClock clock = new WaitClock();
        while (server.isStarting()) {
            LockSupport.parkNanos(POLL_NANOS);
            if (clock.isDue()) {
                listener.waiting("%s has been starting for %d s (pid %d)"
                        .formatted(device.path(), clock.seconds(), server.pid()));
            }
        }
    }

    private void requireRunning(ServerProcess server) throws IOException {
        if (server.isStopped()) {
            throw new CommandFailure(
                    "the server of %s is stopped: 'kill -CONT %d' lets it continue, 'ublk-zoned del --force %d' kills it"
                            .formatted(device.path(), server.pid(), device.id()));
        }
    }

    /**
     * Stops the device, or refuses and names a user. Where the kernel supports it, the kernel stops the device only if
     * no process has it open.
     */
    private void stopUnlessUsed(ServerProcess server) throws IOException {
        boolean safe = (control.features() & UblkFeatures.SAFE_STOP_DEV) != 0;
        long start = System.nanoTime();
        while (true) {
            DeviceUsers.User user = DeviceUsers.find(device);
            if (user == null && safe && !control.tryStop(device.id())) {
                user = DeviceUsers.User.passing("is open, inside the kernel or where this process cannot see it");
            }
            if (user == null) {
                break;
            }
            if (System.nanoTime() - start > user.patienceNanos()) {
                throw user.refusal(device);
            }
            LockSupport.parkNanos(2 * POLL_NANOS);
        }
        server.terminate(); // a device whose power is being cut would come back
    }

    /** Waits for the end of the server. Returns whether it has ended in time. */
    private boolean awaitEnd(ServerProcess server, long nanos) throws IOException {
        WaitClock clock = new WaitClock();
        long start = System.nanoTime();
        while (server.isAlive()) {
            if (System.nanoTime() - start > nanos) {
                return false;
            }
            LockSupport.parkNanos(POLL_NANOS);
            if (clock.isDue()) {
                listener.waiting("the server of %s (pid %d) has been ending for %d s: %s"
                        .formatted(device.path(), server.pid(), clock.seconds(), reason(server)));
            }
        }
        return true;
    }

    private String reason(ServerProcess server) throws IOException {
        if (server.isStopped()) {
            return "it is stopped, 'kill -CONT %d' lets it continue".formatted(server.pid());
        }
        DeviceMount mount = DeviceMount.find(device);
        return (mount == null ? "" : "the file system at " + mount + " may still be in writeback; ")
                + (device.exists()
                        ? RequestsInKernel.of(device.id())
                        : "the device is stopped, its image is being closed");
    }

    private void requireClosed() throws IOException {
        if (isLeft()) {
            throw new CommandFailure(
                    "the server of %s ended without closing its image: see %s, remove the cause, then run 'ublk-zoned del %d' to close it"
                            .formatted(device.path(), directory.logFile(), device.id()));
        }
        reportIfNumberIsKept();
    }

    /**
     * Returns whether the server left its run directory behind. A directory that has a server belongs to a new device.
     */
    private boolean isLeft() throws IOException {
        return directory.exists() && ServerProcess.find(directory) == null;
    }

    private void reportIfNumberIsKept() throws IOException {
        if (control.info(device.id()) != null) {
            DeviceMount mount = DeviceMount.find(device);
            listener.waiting("%s is deleted, but the kernel keeps its number until %s"
                    .formatted(device.path(), mount == null ? "its last user closes it" : "'umount " + mount + "'"));
        }
    }

    private void endByForce(ServerProcess server) throws IOException {
        server.terminate();
        if (awaitEnd(server, FORCED_NANOS)) {
            requireClosed();
            return;
        }
        server.kill();
        awaitEnd(server, Long.MAX_VALUE);
        deleteDead();
    }

    /** Deletes the device of a dead server, which the kernel keeps. */
    private void deleteDead() throws IOException {
        if (!options.force) {
            DeviceUsers.User user = DeviceUsers.findLasting(device);
            if (user != null) {
                throw user.refusal(device);
            }
        }
        if (options.discard) {
            DeadDevice.discard(control, device.id());
        } else {
            DeadDevice.delete(control, device.id(), options.image);
        }
        reportIfNumberIsKept();
    }
}
