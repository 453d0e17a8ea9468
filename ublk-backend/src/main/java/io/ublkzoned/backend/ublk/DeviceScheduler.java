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
     * Sets the scheduler to none. The kernel gives a device with one queue mq-deadline. When a server dies, mq-deadline
     * sends requests again with other tags than before. The new server would then not recognize an append that was
     * carried out and not answered, and would carry it out twice.
     *
     * @throws IOException with a sentence if the scheduler cannot be set
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
