package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.WaitClock;
import io.ublkzoned.backend.ublk.WaitListener;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Writes back the file system on a device before the device is stopped: from then on the kernel fails its writes, those of
 * a device that can be recovered even while it syncs the file system for its end.
 *
 * <p>A separate program does it. If this process did, it could not be killed: its thread would wait for writes that its
 * own queues no longer carry out.
 */
final class MountedFileSystem {

    private MountedFileSystem() {}

    /** Returns when it is done. What goes wrong, the listener is told. */
    static void sync(LiveDevice device, WaitListener listener) {
        try {
            if (device.exists()) {
                run(command(device), device, listener);
            }
        } catch (IOException | InterruptedException e) {
            listener.waiting("the file system on %s was not written back: %s".formatted(device.path(), e));
        }
    }

    /** On Linux 6.12, the flush of a block device does not reach a btrfs on it. It reaches file systems that are not found. */
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
