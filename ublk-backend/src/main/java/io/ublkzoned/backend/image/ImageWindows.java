package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.Mapping;
import java.io.Closeable;
import java.lang.foreign.Arena;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The page cache of an image, mapped into memory in windows of 1 GiB. Java never accesses the mapped pages. The driver
 * does, when it copies between them and a request: there, a page that cannot be read or allocated makes the call fail.
 *
 * <p>A window is mapped when it is first used and stays until {@link #close}, because unmapping one would interrupt all
 * threads of the process. The number of windows is limited, and with it the memory of the page tables: 2 MiB for each
 * window at most. Other data move by calls.
 *
 * <p>On the data path, from any thread. Allocates only to map a window.
 */
public final class ImageWindows implements Closeable {

    private static final int WINDOWS_MAX = 64;

    private final FileDescriptor image;
    private final Arena arena = Arena.ofShared();

    // Written with the lock.
    private volatile @Nullable ImageWindow[] windows = {}; // by number; replaced as a whole
    private volatile int mappable = WINDOWS_MAX;
    private volatile boolean writable;

    /** Prepares windows of an image that is open for reading and writing. Maps none. */
    ImageWindows(FileDescriptor image) {
        this.image = image;
    }

    /** Returns the window of an offset in the image, or null if it cannot be mapped. */
    @Nullable
    ImageWindow at(long offsetBytes) {
        int number = (int) (offsetBytes >>> ImageWindow.SHIFT);
        ImageWindow window = mapped(number);
        return window != null || mappable == 0 ? window : map(number);
    }

    private @Nullable ImageWindow mapped(int number) {
        @Nullable ImageWindow[] all = windows;
        return number < all.length ? all[number] : null;
    }

    private synchronized @Nullable ImageWindow map(int number) {
        ImageWindow window = mapped(number);
        if (window != null || mappable == 0) {
            return window;
        }
        try {
            long offset = (long) number << ImageWindow.SHIFT;
            window = new ImageWindow(Mapping.sharedReclaimable(arena, image, offset, ImageWindow.BYTES)
                    .address());
        } catch (LinuxException e) {
            mappable = 0; // for instance because the address space of the process is limited
            return null;
        }
        @Nullable ImageWindow[] all = Arrays.copyOf(windows, Math.max(windows.length, number + 1));
        all[number] = window;
        windows = all;
        mappable--;
        return window;
    }

    /** Permits writes to mapped pages. Call this before the first write, if the driver copies through page tables. */
    public void permitWrites() {
        writable = true;
    }

    /** Returns whether the driver can store to mapped pages. */
    boolean areWritable() {
        return writable;
    }

    /** Unmaps all windows. No thread may use one afterwards. */
    @Override
    public void close() {
        arena.close();
    }
}
