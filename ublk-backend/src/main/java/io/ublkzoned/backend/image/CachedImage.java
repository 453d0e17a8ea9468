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
 * The image ({@link CacheMode#WRITEBACK}) by plain calls, as far as they need not wait for a disk: reads of what the page
 * cache holds, and writes into it. The ring would give writes on ext4, and all I/O on tmpfs, to a worker thread.
 *
 * <p>On the data path, on the queue's thread.
 */
public final class CachedImage {

    /** These hold nothing elsewhere, and do not say what is cached. */
    private static final Set<String> MEMORY_FILE_SYSTEMS = Set.of("tmpfs", "ramfs");

    private final int imageFd;
    private final boolean isInMemory;
    private final MemorySegment vector;

    /** @param arena owns the memory that calls need */
    public CachedImage(FileDescriptor image, Arena arena) {
        imageFd = image.value();
        isInMemory = isInMemory(Path.of(image.name()));
        vector = arena.allocate(Libc.VECTOR_BYTES, Long.BYTES);
    }

    private static boolean isInMemory(Path image) {
        try {
            return MEMORY_FILE_SYSTEMS.contains(Files.getFileStore(image).type());
        } catch (IOException e) {
            return false; // as in a container that does not see the mount: then the ring reads
        }
    }

    /**
     * Reads to native memory.
     *
     * @return bytes read, possibly fewer than asked; negative if they are not cached, or on an error
     */
    long read(long address, int lengthBytes, long offsetBytes) {
        return isInMemory
                ? Libc.pread(imageFd, address, lengthBytes, offsetBytes)
                : Libc.preadCached(imageFd, address, lengthBytes, offsetBytes, vector);
    }

    /**
     * Writes from native memory; waits only when the kernel holds back who makes too many pages dirty.
     *
     * @return bytes written, possibly fewer than given; negative on an error
     */
    long write(long address, int lengthBytes, long offsetBytes) {
        return Libc.pwrite(imageFd, address, lengthBytes, offsetBytes);
    }
}
