package io.ublkzoned.backend.image;

import org.jspecify.annotations.Nullable;

/**
 * The memory from which and to which the data of a queue's requests move.
 *
 * @param buffers the buffers that tags take when they need one
 * @param pages the pages of the requests, null if the driver cannot register them
 */
public record RequestMemory(TagBuffers buffers, @Nullable RequestPages pages) {}
