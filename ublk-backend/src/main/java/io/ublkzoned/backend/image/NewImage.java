package io.ublkzoned.backend.image;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.OpenDirectory;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An image file that is being created. It is locked, so no process can attach it before {@link #close}. Unless {@link
 * #finish} was called, {@link #close} removes it, and so does a signal that ends the process.
 *
 * <p>A file that the image replaces keeps its name and its content until {@link #finish}, and stays locked until {@link
 * #close}. The path is resolved once, at the start. After that, all names are looked up in one open directory, and no
 * link is followed.
 */
public final class NewImage implements Closeable {

    private static final int NEW = FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL | FileFlags.O_NOFOLLOW;
    private static final int MODE = 0666;

    /** The mode of a new file until it gets the owner and the mode of the file that it replaces. */
    private static final int PRIVATE_MODE = 0600;

    private static final String TEMPORARY_PREFIX = ".ublk-zoned-";

    private final Path path;
    private final OpenDirectory directory;
    private final String name;
    private final FileDescriptor file;
    private final @Nullable ReplacedFile replaced;
    private final Thread removal = new Thread(this::removeUnlessSettled, "removal");

    /** Whether the file was finished or removed. Guarded, because a signal removes the file on another thread. */
    @GuardedBy("this")
    private boolean settled;

    private NewImage(
            Path path, OpenDirectory directory, String name, FileDescriptor file, @Nullable ReplacedFile replaced) {
        this.path = path;
        this.directory = directory;
        this.name = name;
        this.file = file;
        this.replaced = replaced;
    }

    /**
     * Creates an empty file.
     *
     * @throws FileAlreadyExistsException if a file of that name exists
     * @throws IOException with a sentence for the user
     */
    public static NewImage create(Path path) throws IOException {
        ImageOpener.requireRegularFile(path);
        OpenDirectory directory = openDirectory(path, path.getParent());
        try {
            return make(path, directory, lastName(path), null);
        } catch (IOException | RuntimeException | Error e) {
            directory.close();
            throw e;
        }
    }

    /**
     * Creates an empty file that will replace the one to which the path leads. If none exists, works as {@link
     * #create}.
     *
     * @throws ImageInUseException if the file is in use
     * @throws IOException with a sentence for the user
     */
    public static NewImage replace(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return create(path);
        }
        ImageOpener.requireRegularFile(path);
        Path target;
        try {
            target = path.toRealPath();
        } catch (NoSuchFileException e) {
            throw ImageOpener.missing(path, "no such file", e);
        }
        OpenDirectory directory = openDirectory(path, target.getParent());
        ReplacedFile replaced = null;
        try {
            replaced = ReplacedFile.lock(path, directory, lastName(target));
            return make(path, directory, TEMPORARY_PREFIX + ImageIdentities.newAttachId(), replaced);
        } catch (IOException | RuntimeException | Error e) {
            if (replaced != null) {
                replaced.close();
            }
            directory.close();
            throw e;
        }
    }

    private static String lastName(Path path) {
        return String.valueOf(path.getFileName());
    }

    private static OpenDirectory openDirectory(Path path, @Nullable Path parent) throws IOException {
        try {
            return OpenDirectory.open(parent == null ? "." : parent.toString());
        } catch (LinuxException e) {
            throw e.errno() == Errno.ENOENT && parent != null
                    ? new IOException(path + ": the directory " + parent + " does not exist", e)
                    : failure(path, e);
        }
    }

    private static NewImage make(Path path, OpenDirectory directory, String name, @Nullable ReplacedFile replaced)
            throws IOException {
        FileDescriptor file;
        try {
            file = directory.openFile(name, NEW, replaced == null ? MODE : PRIVATE_MODE);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.EEXIST -> existing(path);
                default -> failure(path, e);
            };
        }
        NewImage image = new NewImage(path, directory, name, file, replaced);
        try {
            Runtime.getRuntime().addShutdownHook(image.removal);
            if (replaced != null) {
                replaced.giveOwnerAndMode(file);
            }
            ImageLock.lockWherePossible(file, path.toString());
            return image;
        } catch (IOException | RuntimeException | Error e) {
            image.remove();
            throw e;
        }
    }

    /** Returns the failure for a path whose last name is taken. */
    private static IOException existing(Path path) throws IOException {
        try {
            ImageOpener.requireRegularFile(path.toRealPath());
        } catch (NoSuchFileException e) {
            return ImageOpener.missing(path, "it has been removed in the meantime; run create again", e);
        }
        return new FileAlreadyExistsException(path.toString());
    }

    static IOException failure(Path path, LinuxException e) {
        return switch (e.errno()) {
            case Errno.EACCES -> new IOException(path + ": no permission to make files in its directory", e);
            case Errno.EPERM ->
                new IOException(
                        path
                                + ": it or its directory is immutable or append-only, see lsattr, or it is another user's in a sticky directory",
                        e);
            case Errno.EBUSY -> new IOException(path + ": a mount point cannot be replaced", e);
            case Errno.ENOENT -> new IOException(path + ": its directory has been deleted", e);
            default -> ImageOpener.failure(path, e.errno(), e);
        };
    }

    /** Returns the empty file, to be formatted. */
    public FdImageFile file() {
        return new FdImageFile(file);
    }

    /**
     * Gives the file its name durably, so that {@link #close} keeps it. Call this when its content is durable.
     *
     * @throws IOException if that failed, or if another file has taken the name of the one to replace
     */
    public void finish() throws IOException {
        if (replaced == null) {
            syncDirectory();
        }
        settle();
        if (replaced != null) {
            syncDirectory();
        }
    }

    private synchronized void settle() throws IOException {
        if (settled) {
            throw new IOException(path + ": not made, because the process ends");
        }
        if (replaced != null) {
            replaced.giveName(name);
        }
        settled = true;
    }

    /**
     * Syncs the directory. Does nothing if this user has no permission to read it, or if its file system cannot sync
     * directories, as some network file systems.
     */
    private void syncDirectory() throws IOException {
        int synced = directory.sync();
        if (synced != -Errno.EACCES && synced != -Errno.EINVAL) {
            LinuxException.check(synced, "fsync", directory.name());
        }
    }

    private synchronized void removeUnlessSettled() {
        if (!settled) {
            settled = true;
            if (isNamed()) {
                directory.unlink(name);
            }
        }
    }

    /** Returns whether the name still leads to this file. */
    private boolean isNamed() {
        try {
            Path named = Path.of(directory.pathOf(name));
            return ImageIdentities.of(named, LinkOption.NOFOLLOW_LINKS).equals(ImageIdentities.of(file));
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() {
        remove();
        if (replaced != null) {
            replaced.close();
        }
        directory.close();
    }

    private void remove() {
        removeUnlessSettled();
        try {
            Runtime.getRuntime().removeShutdownHook(removal);
        } catch (IllegalStateException e) {
            // The process is ending, and the hook has nothing left to do.
        }
        file.close();
    }
}
