package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The image of a device: one file, which may be open in different ways for metadata and for data.
 *
 * @param data holds the lock, because I/O that a ring has begun on it continues after the server's death
 * @param metadata the same descriptor as {@code data} unless data bypass the page cache
 * @param windows null if data bypass the page cache
 */
public record AttachedImage(
        FileDescriptor data,
        FileDescriptor metadata,
        @Nullable ImageWindows windows) implements Closeable {

    /**
     * The smallest cluster with which data can bypass the page cache. Clusters must not share a page with metadata, or
     * the page cache would write back old data together with the metadata.
     */
    private static final int CLUSTER_BYTES_MIN = 4096;

    /** Opens an image as {@link LockedImage#open} does. */
    public static AttachedImage open(Path image, CacheMode cacheMode) throws IOException {
        return of(LockedImage.open(image, flags(cacheMode)), cacheMode);
    }

    /** Opens the image of a dead server as {@link LockedImage#openOfDead} does. */
    public static AttachedImage openOfDead(Path image, CacheMode cacheMode) throws IOException {
        return of(LockedImage.openOfDead(image, flags(cacheMode)), cacheMode);
    }

    private static int flags(CacheMode cacheMode) {
        return cacheMode == CacheMode.NONE ? FileFlags.O_DIRECT : 0;
    }

    private static AttachedImage of(FileDescriptor data, CacheMode cacheMode) throws IOException {
        try {
            return cacheMode == CacheMode.NONE
                    ? new AttachedImage(data, data.reopen(FileFlags.O_RDWR), null)
                    : new AttachedImage(data, data, new ImageWindows(data));
        } catch (IOException | RuntimeException | Error e) {
            data.close();
            throw e;
        }
    }

    /** Returns the current path of the file, without links. */
    public Path realPath() throws IOException {
        return Files.readSymbolicLink(Path.of("/proc/self/fd/" + data.value()));
    }

    /**
     * Throws unless data can be moved in blocks of this size.
     *
     * @throws IOException with a sentence for the user
     */
    public void requireBlocks(int blockBytes, int clusterBytes) throws IOException {
        if (windows != null) {
            return;
        }
        if (clusterBytes < CLUSTER_BYTES_MIN) {
            throw new IOException(
                    "--cache none needs clusters of 4096 bytes or more, but those of the image have " + clusterBytes);
        }
        try (Arena arena = Arena.ofConfined()) {
            long read = Libc.pread(
                    data.value(), arena.allocate(2L * blockBytes, blockBytes).asSlice(blockBytes), blockBytes);
            if (read == -Errno.EINVAL) {
                throw new IOException(
                        "--cache none needs --block-size 4096 here: the disk of the image has blocks larger than "
                                + blockBytes + " bytes");
            }
            LinuxException.check((int) read, "pread", data.name());
        }
    }

    @Override
    public void close() {
        if (windows != null) {
            windows.close();
        }
        metadata.close();
        data.close();
    }
}
