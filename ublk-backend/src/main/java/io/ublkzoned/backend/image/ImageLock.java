package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.OpenFileLock;
import java.io.IOException;
import java.nio.file.Path;

/**
 * One image, one writer: QEMU's image locks, so that its tools see ours and we see theirs (QEMU, block/file-posix.c).
 *
 * <p>A byte of the file stands for a permission. Who uses permission {@code p} holds a shared lock on byte {@code 100
 * + p}; who lets nobody else use it holds one on byte {@code 200 + p}. After taking its own locks, a process makes
 * sure that nobody holds one that forbids them: QEMU's order, in which two who come at the same time may both be
 * refused, but never both be let in.
 */
public final class ImageLock {

    private static final int USED = 100; // RAW_LOCK_PERM_BASE
    private static final int NOT_SHARED = 200; // RAW_LOCK_SHARED_BASE

    // BLK_PERM_...
    private static final int CONSISTENT_READ = 0;
    private static final int WRITE = 1;
    private static final int RESIZE = 3;

    /** What an attached image is locked by. */
    private static final int[] HELD = {
        USED + CONSISTENT_READ, USED + WRITE, USED + RESIZE, NOT_SHARED + WRITE, NOT_SHARED + RESIZE
    };

    /** What nobody else may hold then. */
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
     * Refuses an image that {@link #lockForWriting} would refuse, and locks nothing.
     *
     * @param file open for reading: the kernel answers for write locks too
     * @param imageName its path as the user gave it
     * @throws ImageInUseException if it is in use
     */
    public static void requireUnused(FileDescriptor file, String imageName) throws IOException {
        for (int at : FORBIDDEN) {
            requireFree(OpenFileLock.testLock(file.value(), FileFlags.F_WRLCK, at, 1), imageName);
        }
    }

    /** As {@link #lockForWriting}; a file that cannot be locked, as on a file system without locks, is passed over. */
    static void lockWherePossible(FileDescriptor file, String imageName) throws IOException {
        try {
            lockForWriting(file, imageName);
        } catch (LinuxException e) {
            // Then nobody else can have it locked either.
        }
    }

    private static void requireFree(int result, String imageName) throws IOException {
        if (result == -Errno.EAGAIN || result == -Errno.EACCES) {
            throw new ImageInUseException(Path.of(imageName));
        }
        LinuxException.check(result, "fcntl", imageName);
    }
}
