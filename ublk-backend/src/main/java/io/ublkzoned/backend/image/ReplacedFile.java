package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.OpenDirectory;
import io.ublkzoned.engine.ImageIdentity;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The file whose name a new image will get. It is locked until {@link #close}, so no process attaches it in between. A
 * file that cannot be read or locked is replaced without a lock.
 */
final class ReplacedFile implements Closeable {

    private static final int PERMISSIONS = 0777;
    private static final int KEEP = -1; // of chown(2)

    private final Path path;
    private final OpenDirectory directory;
    private final String name;
    private final @Nullable FileDescriptor file;
    private final ImageIdentity identity;
    private final int mode;
    private final int userId;
    private final int groupId;

    private ReplacedFile(Path path, OpenDirectory directory, String name, @Nullable FileDescriptor file)
            throws IOException {
        this.path = path;
        this.directory = directory;
        this.name = name;
        this.file = file;
        identity = namedFile();
        mode = attribute("unix:mode");
        userId = attribute("unix:uid");
        groupId = attribute("unix:gid");
    }

    /**
     * Finds the file and locks it.
     *
     * @param path the path that the user gave
     * @param directory outlives the result
     * @throws ImageInUseException if the file is in use
     */
    static ReplacedFile lock(Path path, OpenDirectory directory, String name) throws IOException {
        FileDescriptor file = openWherePossible(path, directory, name);
        try {
            if (file != null) {
                ImageLock.lockWherePossible(file, path.toString());
            }
            ReplacedFile replaced = new ReplacedFile(path, directory, name, file);
            if (file != null && !ImageIdentities.of(file).equals(replaced.identity)) {
                throw isAnother(path);
            }
            return replaced;
        } catch (IOException | RuntimeException | Error e) {
            if (file != null) {
                file.close();
            }
            throw e;
        }
    }

    private static @Nullable FileDescriptor openWherePossible(Path path, OpenDirectory directory, String name)
            throws IOException {
        try {
            return directory.openFile(name, FileFlags.O_RDONLY | FileFlags.O_NONBLOCK | FileFlags.O_NOFOLLOW, 0);
        } catch (LinuxException e) {
            return switch (e.errno()) {
                case Errno.EACCES -> null;
                // It is now a link, or it was removed.
                case Errno.ELOOP, Errno.ENOENT -> throw isAnother(path);
                default -> throw ImageOpener.failure(path, e.errno(), e);
            };
        }
    }

    private ImageIdentity namedFile() throws IOException {
        try {
            return ImageIdentities.of(Path.of(directory.pathOf(name)), LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            throw isAnother(path);
        }
    }

    private int attribute(String attribute) throws IOException {
        return (int) Files.getAttribute(Path.of(directory.pathOf(name)), attribute, LinkOption.NOFOLLOW_LINKS);
    }

    private static IOException isAnother(Path path) {
        return new IOException(
                path + " was replaced or removed in the meantime, and stays as it is now; run create again");
    }

    /** Gives the new file the owner and the permissions of this one, where this user is allowed to. */
    void giveOwnerAndMode(FileDescriptor fresh) {
        try {
            giveOwner(fresh);
            fresh.setMode(mode & PERMISSIONS);
        } catch (LinuxException e) {
            // The file system does not support permissions.
        }
    }

    private void giveOwner(FileDescriptor fresh) {
        try {
            fresh.setOwner(userId, groupId);
        } catch (LinuxException notRoot) {
            try {
                fresh.setOwner(KEEP, groupId);
            } catch (LinuxException notInGroup) {
                // The new file belongs to this user.
            }
        }
    }

    /** Renames a file in the directory to the name of this one, unless another file now has the name. */
    void giveName(String from) throws IOException {
        if (!namedFile().equals(identity)) {
            throw isAnother(path);
        }
        int renamed = directory.rename(from, name);
        if (renamed < 0) {
            throw NewImage.failure(path, new LinuxException("rename(" + path + ")", -renamed));
        }
    }

    @Override
    public void close() {
        if (file != null) {
            file.close();
        }
    }
}
