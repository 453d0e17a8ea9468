package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.Mapping;
import java.io.Closeable;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The page cache of an image, mapped into memory in windows of 1 GiB. Java never accesses the mapped pages. Only the
 * driver does, when it copies between them and a request. If a page cannot be read or allocated, its call fails.
 *
 * <p>A window is mapped when it is first used and stays until {@link #close}, because unmapping one would interrupt all
 * threads of the process. At most 64 windows are mapped, which limits the memory of the page tables: 2 MiB for each
 * window at most. A window whose place is taken is not mapped, and its data move by calls.
 *
 * <p>On the data path, from any thread. Allocates only to map a window.
 */
public final class ImageWindows implements Closeable {

    private static final int PLACES = 64;

    private final FileDescriptor image;
    private final Arena arena = Arena.ofShared();
    private final AtomicReferenceArray<@Nullable ImageWindow> places = new AtomicReferenceArray<>(PLACES);
    private volatile boolean writable;
    private volatile long fileBytes; // at least: the file grows while it is attached

    /** Prepares windows of an image that is open for reading and writing. Maps none. */
    ImageWindows(FileDescriptor image) {
        this.image = image;
    }

    /** Returns the window of an offset in the image, or null if it is not mapped. */
    @Nullable
    ImageWindow at(long offsetBytes) {
        long number = offsetBytes >>> ImageWindow.SHIFT;
        int place = (int) (number % PLACES);
        ImageWindow window = places.getAcquire(place);
        if (window == null) {
            window = map(place, number);
        }
        return window.number() == number && window.isMapped() ? window : null;
    }

    /** Maps a window to a free place. If that fails, takes the place nevertheless, so that it is not tried again. */
    private synchronized ImageWindow map(int place, long number) {
        ImageWindow window = places.getAcquire(place);
        if (window == null) {
            window = new ImageWindow(number, mapOrZero(number << ImageWindow.SHIFT));
            places.setRelease(place, window);
        }
        return window;
    }

    private long mapOrZero(long offsetBytes) {
        try {
            return Mapping.sharedReclaimable(arena, image, offsetBytes, ImageWindow.BYTES)
                    .address();
        } catch (LinuxException e) {
            return 0; // for instance because the file system has no mappings, or the address space is limited
        }
    }

    /** Permits writes to mapped pages. Call this before the first write, if the driver copies through page tables. */
    public void permitWrites() {
        writable = true;
    }

    /**
     * Returns whether the driver can store to a part of the image: permitted, and within the file. The last page of the
     * file may reach past its end, but what is stored there is lost.
     */
    boolean areWritable(long endBytes) {
        if (!writable) {
            return false;
        }
        if (endBytes > fileBytes) {
            fileBytes = Libc.lseek(image.value(), 0, FileFlags.SEEK_END);
        }
        return endBytes <= fileBytes;
    }

    /** Unmaps all windows. No thread may use one afterwards. */
    @Override
    public void close() {
        arena.close();
    }
}
