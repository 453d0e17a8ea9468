package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Opens an image for its one writer. */
public final class LockedImage {

    private static final long DEATH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private LockedImage() {}

    /**
     * Opens and locks an image.
     *
     * @throws IOException with a sentence for the user, if it is in use for instance
     */
    public static FileDescriptor open(Path image) throws IOException {
        return open(image, 0);
    }

    /** @param flags beside O_RDWR */
    static FileDescriptor open(Path image, int flags) throws IOException {
        FileDescriptor file = openFile(image, flags);
        try {
            ImageLock.lockForWriting(file, image.toString());
            return file;
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    /**
     * Opens the image of a server that was killed. The dead hold their lock until the kernel has ended their last I/O:
     * that is waited for, and so what comes after it cannot be overtaken.
     */
    public static FileDescriptor openOfDead(Path image) throws IOException {
        return openOfDead(image, 0);
    }

    /** @param flags beside O_RDWR */
    static FileDescriptor openOfDead(Path image, int flags) throws IOException {
        long deadline = System.nanoTime() + DEATH_NANOS;
        while (true) {
            try {
                return open(image, flags);
            } catch (ImageInUseException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private static FileDescriptor openFile(Path image, int flags) throws IOException {
        try {
            return FileDescriptor.open(image.toString(), FileFlags.O_RDWR | flags);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT ->
                    new IOException(
                            image + ": no such image; make one with 'ublk-zoned create " + image + " --size 4G'");
                case Errno.EACCES, Errno.EPERM -> new IOException(image + ": no permission to write to it");
                case Errno.EINVAL ->
                    new IOException(image + ": its file system has no direct I/O; add it with --cache writeback");
                default -> e;
            };
        }
    }
}
