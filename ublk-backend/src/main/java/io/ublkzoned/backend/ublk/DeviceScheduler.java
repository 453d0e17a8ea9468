package io.ublkzoned.backend.ublk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The kernel's I/O scheduler of a device. */
final class DeviceScheduler {

    private static final String NONE = "none";

    private DeviceScheduler() {}

    /**
     * Makes it none. The kernel gives a device with one queue mq-deadline. When a server dies, that sends requests again with
     * other tags than they had, so an append that was carried out and not answered would not be known and be carried out twice.
     *
     * @throws IOException with a sentence if that is not possible
     */
    static void setNone(int deviceId) throws IOException {
        Path scheduler = Path.of("/sys/block/ublkb" + deviceId + "/queue/scheduler");
        try {
            Files.writeString(scheduler, NONE, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new IOException(
                    "the I/O scheduler of a device with one queue must be none, but %s cannot be written (%s): use --queues 2 or --recovery fail"
                            .formatted(scheduler, e.getMessage()),
                    e);
        }
    }
}
