package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.CacheMode;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The options of a device and its server.
 *
 * @param name the name of the device, under which udev links to it; empty if it has none
 * @param deviceId the number of the device, or {@link #ANY_ID} for the first free one
 * @param queues the number of queues, each with its own thread
 * @param queueDepth the maximum number of requests in flight in one queue
 * @param blockSizeBytes the logical block size: 512 or 4096
 * @param recovery the fate of the device if its server dies
 * @param cacheMode of the data
 * @param zeroCopy whether large requests are moved without a copy where the kernel supports that
 * @param faults the faults that the device shows from its first request on
 * @param record the file of the write log, if the device is recorded
 */
public record ServerOptions(
        Path image,
        String name,
        int deviceId,
        int queues,
        int queueDepth,
        int blockSizeBytes,
        Recovery recovery,
        CacheMode cacheMode,
        boolean zeroCopy,
        InitialFaults faults,
        Optional<Path> record) {

    public static final int ANY_ID = -1;
}
