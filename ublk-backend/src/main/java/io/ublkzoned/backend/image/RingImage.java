package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The image as a queue reaches it.
 *
 * @param file its index among the files of the queue's ring
 * @param data its data, open for reading and writing
 * @param cached null if data are not to go through the page cache
 */
public record RingImage(
        int file, FileDescriptor data, @Nullable CachedImage cached) {}
