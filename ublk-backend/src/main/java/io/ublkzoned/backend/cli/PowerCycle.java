package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.ControlClient;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLock;
import io.ublkzoned.backend.ublk.ServerLock.Holder;
import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.backend.ublk.WaitListener;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.PowerCut;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A power cut of a live device that comes back. Its server does the work; this class waits for it. */
final class PowerCycle {

    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final LiveDevice device;
    private final RunDirectory directory;
    private final WaitListener listener;
    private final String condition;

    private PowerCycle(LiveDevice device, WaitListener listener) throws IOException {
        this.device = device;
        this.listener = listener;
        directory = new RunDirectory(device.id());
        // Once the device is deleted, a btrfs names a missing disk as its source (Linux 7.3).
        DeviceMount mount = DeviceMount.find(device);
        condition = mount == null ? "its last user closes it" : "it is unmounted: umount " + mount;
    }

    /**
     * Cuts the power of a device, and waits until the device is live again.
     *
     * @throws IOException with a sentence if it does not come back
     */
    static void run(LiveDevice device, PowerCut cut, WaitListener listener) throws IOException {
        PowerCycle cycle = new PowerCycle(device, listener);
        Holder server = ServerLock.holder(cycle.directory);
        new ControlClient(device.id()).cutPower(cut, AfterCut.CONTINUE);
        cycle.awaitReturn(server);
    }

    private void awaitReturn(@Nullable Holder before) throws IOException {
        WaitClock clock = new WaitClock();
        boolean isOff = false;
        while (true) {
            Holder now = ServerLock.holder(directory);
            if (before == null || now == null || now.pid() != before.pid()) {
                throw ended();
            }
            if (now.lives() != before.lives()) {
                return;
            }
            if (!isOff && now.phase() == ServerLock.Phase.OFF) {
                isOff = true;
                listener.waiting("%s comes back when %s".formatted(device.path(), condition));
            } else if (clock.isDue()) {
                listener.waiting("%s has been without power for %d s%s"
                        .formatted(device.path(), clock.seconds(), isOff ? ": it comes back when " + condition : ""));
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private CommandFailure ended() throws IOException {
        if (!directory.exists()) {
            return new CommandFailure(device.path() + " was deleted before it came back");
        }
        String reason = directory.failure().orElse("its server ended, see " + directory.logFile());
        return new CommandFailure("%s does not come back: %s; 'ublk-zoned del %d' removes what is left of it"
                .formatted(device.path(), reason, device.id()));
    }
}
