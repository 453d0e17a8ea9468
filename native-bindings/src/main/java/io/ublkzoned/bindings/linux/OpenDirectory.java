package io.ublkzoned.bindings.linux;

import java.io.Closeable;

/**
 * An open directory in which files are looked up by name. It stays the same directory even if its path later leads to
 * another one. As in {@link Libc}, an {@code int} result is 0 or -errno.
 */
public final class OpenDirectory implements Closeable {

    private final FileDescriptor directory;

    private OpenDirectory(FileDescriptor directory) {
        this.directory = directory;
    }

    /** Opens a directory. Read permission is not needed. */
    public static OpenDirectory open(String path) throws LinuxException {
        return new OpenDirectory(FileDescriptor.open(path, FileFlags.O_PATH));
    }

    /** Opens a file in this directory as {@link FileDescriptor#open(String, int, int)} does. */
    public FileDescriptor openFile(String name, int flags, int mode) throws LinuxException {
        String path = directory.name() + "/" + name;
        return new FileDescriptor(
                path, LinuxException.check(Libc.openAt(directory.value(), name, flags, mode), "open", path));
    }

    /** Renames a file in this directory, and replaces the file that has the new name. */
    public int rename(String from, String to) {
        return Libc.renameAt(directory.value(), from, to);
    }

    /** Removes a name of a file. */
    public int unlink(String name) {
        return Libc.unlinkAt(directory.value(), name);
    }

    /** Makes the names durable. Returns -EACCES if this process has no permission to read the directory. */
    public int sync() {
        try (FileDescriptor readable = directory.reopen(FileFlags.O_RDONLY)) {
            return Libc.fsync(readable.value());
        } catch (LinuxException e) {
            return -e.errno();
        }
    }

    /**
     * Returns a path of a file in this directory for Java's file classes. It is valid in this process until {@link
     * #close}.
     */
    public String pathOf(String name) {
        return "/proc/self/fd/" + directory.value() + "/" + name;
    }

    /** Returns the path by which the directory was opened. */
    public String name() {
        return directory.name();
    }

    @Override
    public void close() {
        directory.close();
    }
}
