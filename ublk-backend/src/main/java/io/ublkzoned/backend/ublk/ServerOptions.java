package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.CacheMode;
import java.nio.file.Path;

/**
 * How a device is to be served.
 *
 * @param deviceId its number, or {@link #ANY_ID} for the first that is free
 * @param queues how many queues, each with a thread of its own
 * @param queueDepth requests under way in one queue
 * @param blockSizeBytes the logical block size: 512 or 4096
 * @param recovery what becomes of it if its server dies
 * @param cacheMode of its data
 * @param zeroCopy whether large requests move without a copy, where the kernel can do that
 */
public record ServerOptions(
        Path image,
        int deviceId,
        int queues,
        int queueDepth,
        int blockSizeBytes,
        Recovery recovery,
        CacheMode cacheMode,
        boolean zeroCopy) {

    public static final int ANY_ID = -1;
}
