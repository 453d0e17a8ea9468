package io.ublkzoned.backend.ublk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The requests of a device that are in flight in the kernel, from sysfs. */
public final class RequestsInKernel {

    private static final Path BLOCK_DEVICES = Path.of("/sys/block");

    private RequestsInKernel() {}

    /** Returns a clause for a message: the number of reads and of writes. The kernel does not count flushes. */
    public static String of(int deviceId) {
        return of(BLOCK_DEVICES.resolve("ublkb" + deviceId));
    }

    static String of(Path blockDevice) {
        String[] counts;
        try {
            counts = Files.readString(blockDevice.resolve("inflight")).strip().split("\\s+", 2);
        } catch (IOException e) {
            return "no block device exists; 'dmesg' may show the reason";
        }
        return counts.length == 2
                ? "reads in flight: %s, writes: %s (flushes are not counted)".formatted(counts[0], counts[1])
                : "the number of requests in flight is not known";
    }
}
