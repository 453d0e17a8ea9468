package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.OpenFileLock;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The lock of an image, which admits one writer. It uses QEMU's image locks, so QEMU's tools and this program respect
 * each other (QEMU, block/file-posix.c).
 *
 * <p>Bytes of the file stand for permissions. A process that uses permission {@code p} holds a shared lock on byte
 * {@code 100 + p}. A process that lets no other process use {@code p} holds a shared lock on byte {@code 200 + p}. A
 * process first takes its own locks, and then checks that no other process holds a conflicting one. QEMU uses the same
 * order. If two processes do this at the same time, both may be refused, but never are both admitted.
 */
public final class ImageLock {

    private static final int USED = 100; // RAW_LOCK_PERM_BASE
    private static final int NOT_SHARED = 200; // RAW_LOCK_SHARED_BASE

    // BLK_PERM_...
    private static final int CONSISTENT_READ = 0;
    private static final int WRITE = 1;
    private static final int RESIZE = 3;

    /** The bytes that the lock of an attached image covers. */
    private static final int[] HELD = {
        USED + CONSISTENT_READ, USED + WRITE, USED + RESIZE, NOT_SHARED + WRITE, NOT_SHARED + RESIZE
    };

    /** The bytes that no other process may have locked while an image is attached. */
    private static final int[] FORBIDDEN = {
        NOT_SHARED + CONSISTENT_READ, NOT_SHARED + WRITE, NOT_SHARED + RESIZE, USED + WRITE, USED + RESIZE
    };

    private ImageLock() {}

    /**
     * Locks an image for writing, until {@code file} is closed.
     *
     * @param file open for reading
     * @param imageName its path as the user gave it
     * @throws ImageInUseException if it is in use
     */
    static void lockForWriting(FileDescriptor file, String imageName) throws IOException {
        for (int at : HELD) {
            requireFree(OpenFileLock.tryLock(file.value(), FileFlags.F_RDLCK, at, 1), imageName);
        }
        requireUnused(file, imageName);
    }

    /**
     * Refuses an image that {@link #lockForWriting} would refuse. Locks nothing.
     *
     * @param file open for reading, which suffices to test write locks
     * @param imageName its path as the user gave it
     * @throws ImageInUseException if it is in use
     */
    public static void requireUnused(FileDescriptor file, String imageName) throws IOException {
        for (int at : FORBIDDEN) {
            requireFree(OpenFileLock.testLock(file.value(), FileFlags.F_WRLCK, at, 1), imageName);
        }
    }

    /**
     * Locks an image as {@link #lockForWriting} does. If the file cannot be locked, for instance on a file system
     * without locks, leaves it unlocked.
     */
    static void lockWherePossible(FileDescriptor file, String imageName) throws IOException {
        try {
            lockForWriting(file, imageName);
        } catch (LinuxException e) {
            // No other process can have locked it either.
        }
    }

    private static void requireFree(int result, String imageName) throws IOException {
        if (result == -Errno.EAGAIN || result == -Errno.EACCES) {
            throw new ImageInUseException(Path.of(imageName));
        }
        LinuxException.check(result, "fcntl", imageName);
    }
}
