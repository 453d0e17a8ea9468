package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * Access to the data of an image ({@link CacheMode#WRITEBACK}) by plain calls that need not wait for a disk: reads of
 * cached data, and writes to the page cache. The ring would pass writes on ext4, and all I/O on tmpfs, to a worker
 * thread.
 *
 * <p>On the data path, on the queue's thread.
 */
public final class CachedImage {

    /** File systems whose data are always in memory. They do not support reads of cached data only. */
    private static final Set<String> MEMORY_FILE_SYSTEMS = Set.of("tmpfs", "ramfs");

    private final int imageFd;
    private final boolean isInMemory;
    private final ImageWindows windows;
    private final MemorySegment vector;
    private final MemorySegment pages;

    /**
     * Accesses an open image.
     *
     * @param windows of the image, which all queues share
     * @param arena owns the memory that the calls need
     */
    public CachedImage(FileDescriptor image, ImageWindows windows, Arena arena) {
        imageFd = image.value();
        isInMemory = isInMemory(Path.of(image.name()));
        this.windows = windows;
        vector = arena.allocate(Libc.VECTOR_BYTES, Long.BYTES);
        pages = arena.allocate(ImageWindow.VECTOR_BYTES, Long.BYTES);
    }

    private static boolean isInMemory(Path image) {
        try {
            return MEMORY_FILE_SYSTEMS.contains(Files.getFileStore(image).type());
        } catch (IOException e) {
            return false; // for instance in a container that does not see the mount; the ring then reads
        }
    }

    /**
     * Returns the address of a part of the image whose pages are mapped and cached, or 0 if any of them may not be
     * cached. Only the kernel may access them.
     */
    long mapped(long offsetBytes, int lengthBytes) {
        ImageWindow window = windows.at(offsetBytes);
        if (window == null || !window.contains(offsetBytes, lengthBytes)) {
            return 0;
        }
        return window.isCached(offsetBytes, lengthBytes, pages) ? window.address(offsetBytes) : 0;
    }

    /** Like {@link #mapped}, for a part that the driver will write. Returns 0 if it cannot store there. */
    long mappedForWriting(long offsetBytes, int lengthBytes) {
        long address = mapped(offsetBytes, lengthBytes);
        return address != 0 && windows.areWritable(offsetBytes + lengthBytes) ? address : 0;
    }

    /**
     * Reads to native memory.
     *
     * @return bytes read, possibly fewer than requested; negative if they are not cached, or on an error
     */
    long read(long address, int lengthBytes, long offsetBytes) {
        return isInMemory
                ? Libc.pread(imageFd, address, lengthBytes, offsetBytes)
                : Libc.preadCached(imageFd, address, lengthBytes, offsetBytes, vector);
    }

    /**
     * Writes from native memory. Waits only when the kernel throttles processes that make too many pages dirty.
     *
     * @return bytes written, possibly fewer than given; negative on an error
     */
    long write(long address, int lengthBytes, long offsetBytes) {
        return Libc.pwrite(imageFd, address, lengthBytes, offsetBytes);
    }
}
