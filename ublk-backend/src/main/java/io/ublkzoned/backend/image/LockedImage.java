package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Opens an image for its one writer. */
public final class LockedImage {

    private static final long DEATH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final int OPENS_MAX = 10;

    /** Opens the file that a path leads to. */
    @FunctionalInterface
    interface Opening {
        FileDescriptor open() throws IOException;
    }

    private LockedImage() {}

    /**
     * Opens and locks an image.
     *
     * @throws IOException with a sentence for the user, if it is in use for instance
     */
    public static FileDescriptor open(Path image) throws IOException {
        return open(image, 0);
    }

    /** @param flags in addition to O_RDWR */
    static FileDescriptor open(Path image, int flags) throws IOException {
        return open(image, () -> ImageOpener.forWriting(image, flags));
    }

    /**
     * Opens and locks the file that has the image's name once it is locked. {@code create --force} or mv may give the name to
     * another file before; the first file would then be served without a name, and its data lost when it is closed.
     */
    static FileDescriptor open(Path image, Opening opening) throws IOException {
        for (int tries = 0; tries < OPENS_MAX; tries++) {
            FileDescriptor file = opening.open();
            try {
                ImageLock.lockForWriting(file, image.toString());
                if (isAt(image, file)) {
                    return file;
                }
            } catch (IOException | RuntimeException | Error e) {
                file.close();
                throw e;
            }
            file.close();
        }
        throw new IOException(image + ": another file took its place each time it was opened; try again");
    }

    private static boolean isAt(Path image, FileDescriptor file) throws IOException {
        try {
            return ImageIdentities.of(image).equals(ImageIdentities.of(file));
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /**
     * Opens the image of a server that was killed. The dead hold their lock until the kernel has ended their last I/O:
     * that is waited for, and so what comes after it cannot be overtaken.
     */
    public static FileDescriptor openOfDead(Path image) throws IOException {
        return openOfDead(image, 0);
    }

    /** @param flags in addition to O_RDWR */
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
}
