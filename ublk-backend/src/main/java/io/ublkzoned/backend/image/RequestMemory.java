package io.ublkzoned.backend.image;

import org.jspecify.annotations.Nullable;

/**
 * The memory that the data of a queue's requests move from and to.
 *
 * @param buffers one per tag
 * @param pages the requests' own pages, null if the driver cannot register them
 */
public record RequestMemory(TagBuffers buffers, @Nullable RequestPages pages) {}
