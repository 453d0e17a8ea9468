package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The image as one queue accesses it.
 *
 * @param file the index of the image among the registered files of the queue's ring
 * @param data the image, open for reading and writing
 * @param cached null if data bypass the page cache
 */
public record RingImage(
        int file, FileDescriptor data, @Nullable CachedImage cached) {}
