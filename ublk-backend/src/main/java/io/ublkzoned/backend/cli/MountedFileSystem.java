package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.backend.ublk.WaitListener;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The file system on a device. It is written back before the device is stopped, because the kernel fails its writes
 * from then on. If the device can be recovered, that includes the writes of the sync with which the kernel ends the
 * file system.
 *
 * <p>A separate program does this. If this process did, it could not be killed: its thread would wait for writes that
 * its own queues no longer carry out.
 */
final class MountedFileSystem {

    private MountedFileSystem() {}

    /** Writes the file system back, and returns when that is done. Reports failures to the listener. */
    static void sync(LiveDevice device, WaitListener listener) {
        try {
            if (device.exists()) {
                run(command(device), device, listener);
            }
        } catch (IOException | InterruptedException e) {
            listener.waiting("the file system on %s was not written back: %s".formatted(device.path(), e));
        }
    }

    /**
     * Returns the command to run. On Linux 6.12, the flush of a block device does not reach a btrfs on it. It reaches
     * file systems whose mount is not found.
     */
    private static List<String> command(LiveDevice device) throws IOException {
        DeviceMount mount = DeviceMount.find(device);
        return mount == null
                ? List.of("blockdev", "--flushbufs", device.path())
                : List.of("sync", "--file-system", mount.reachablePath());
    }

    private static void run(List<String> command, LiveDevice device, WaitListener listener)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        WaitClock clock = new WaitClock();
        while (!process.waitFor(clock.untilNextNanos(), TimeUnit.NANOSECONDS)) {
            if (clock.isDue()) {
                listener.waiting("writeback of the file system on %s has been running for %d s: %s"
                        .formatted(device.path(), clock.seconds(), String.join(" ", command)));
            }
        }
        if (process.exitValue() != 0) {
            throw new IOException(
                    "'%s' ended with status %d".formatted(String.join(" ", command), process.exitValue()));
        }
    }
}
