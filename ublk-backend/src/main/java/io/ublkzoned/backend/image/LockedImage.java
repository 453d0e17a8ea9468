package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** An image that is opened and locked for its one writer. */
public final class LockedImage {

    private static final long DEATH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final int OPENS_MAX = 10;

    /** A way to open the file that a path leads to. */
    @FunctionalInterface
    interface Opening {
        FileDescriptor open() throws IOException;
    }

    private LockedImage() {}

    /**
     * Opens and locks an image.
     *
     * @throws IOException with a sentence for the user, for instance if the image is in use
     */
    public static FileDescriptor open(Path image) throws IOException {
        return open(image, 0);
    }

    /**
     * Opens and locks an image with more flags.
     *
     * @param flags in addition to O_RDWR
     */
    static FileDescriptor open(Path image, int flags) throws IOException {
        return open(image, () -> ImageOpener.forWriting(image, flags));
    }

    /**
     * Opens and locks the file, and verifies that it still has the name of the image. Between open and lock, {@code
     * create --force} or mv may give the name to another file. The server would then serve a file without a name, and
     * its data would be lost when it is closed.
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
     * Opens the image of a server that was killed. A dead process holds its lock until its last I/O has ended. This
     * method waits for that, so old I/O cannot overwrite new data.
     */
    public static FileDescriptor openOfDead(Path image) throws IOException {
        return openOfDead(image, 0);
    }

    /**
     * Opens the image of a server that was killed, with more flags.
     *
     * @param flags in addition to O_RDWR
     */
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
