package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.FileKind;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The file of a write log: a regular file or a block device. */
public final class LogFile implements Closeable {

    private static final int MODE = 0666;

    private final Path path;
    private final FileDescriptor file;
    private final boolean isNew;

    private LogFile(Path path, FileDescriptor file, boolean isNew) {
        this.path = path;
        this.file = file;
        this.isNew = isNew;
    }

    /**
     * Creates a file, or opens a block device that nothing else uses.
     *
     * @throws IOException with a sentence for the user
     */
    public static LogFile create(Path path) throws IOException {
        if (isBlockDevice(path)) {
            return new LogFile(path, open(path, FileFlags.O_RDWR | FileFlags.O_EXCL), false);
        }
        return new LogFile(path, open(path, FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL), true);
    }

    /**
     * Opens a log for reading.
     *
     * @throws IOException with a sentence for the user
     */
    public static LogFile forReading(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + " is a directory, and a write log is a file or a block device");
        }
        return new LogFile(path, open(path, FileFlags.O_RDONLY | FileFlags.O_NONBLOCK), false);
    }

    private static FileDescriptor open(Path path, int flags) throws IOException {
        try {
            return FileDescriptor.open(path.toString(), flags, MODE);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.EEXIST -> new IOException(path + ": exists: name a new file for the log", e);
                case Errno.EBUSY -> new IOException(path + ": in use: it is mounted or part of another device", e);
                case Errno.ENOENT -> new IOException(path + ": no such file or directory", e);
                case Errno.EACCES, Errno.EPERM -> new IOException(path + ": no permission", e);
                default -> ImageOpener.failure(path, e.errno(), e);
            };
        }
    }

    private static boolean isBlockDevice(Path path) {
        try {
            return FileKind.of((int) Files.getAttribute(path, "unix:mode")) == FileKind.BLOCK_DEVICE;
        } catch (IOException e) {
            return false; // opening it then says why
        }
    }

    public Path path() {
        return path;
    }

    /** Returns access to the file. */
    public FdImageFile file() {
        return new FdImageFile(file);
    }

    /** Removes the file that {@link #create} has made, and closes it. */
    public void discard() throws IOException {
        close();
        if (isNew) {
            Files.deleteIfExists(path);
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
