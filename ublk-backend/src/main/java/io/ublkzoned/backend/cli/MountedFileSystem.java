package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.backend.ublk.WaitListener;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The file system on a device. It is written back before the device is stopped, because afterwards the kernel fails its
 * writes. If the device can be recovered, the kernel also fails the writes of its own sync when it removes the device.
 *
 * <p>A separate program does this. Otherwise this process could not be killed: its thread would wait for writes that
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
     * Returns the command to run: a sync of the file system, or a flush of the block device if no mount is found. On
     * Linux 6.12, a flush of the block device does not write back a btrfs.
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
