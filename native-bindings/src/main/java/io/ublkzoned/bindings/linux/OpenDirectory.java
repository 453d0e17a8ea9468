package io.ublkzoned.bindings.linux;

import java.io.Closeable;

/**
 * A directory whose files are reached by their names in it. It stays the same directory, whatever its path leads to later.
 * As in {@link Libc}, an {@code int} that is returned is 0 or -errno.
 */
public final class OpenDirectory implements Closeable {

    private final FileDescriptor directory;

    private OpenDirectory(FileDescriptor directory) {
        this.directory = directory;
    }

    /** Opens a directory; no permission to read it is needed. */
    public static OpenDirectory open(String path) throws LinuxException {
        return new OpenDirectory(FileDescriptor.open(path, FileFlags.O_PATH));
    }

    /** As {@link FileDescriptor#open(String, int, int)}, of a file in this directory. */
    public FileDescriptor openFile(String name, int flags, int mode) throws LinuxException {
        String path = directory.name() + "/" + name;
        return new FileDescriptor(
                path, LinuxException.check(Libc.openAt(directory.value(), name, flags, mode), "open", path));
    }

    /** Gives a file another name, and replaces what has that name. */
    public int rename(String from, String to) {
        return Libc.renameAt(directory.value(), from, to);
    }

    /** Removes a name of a file. */
    public int unlink(String name) {
        return Libc.unlinkAt(directory.value(), name);
    }

    /** Makes the names durable; -EACCES if the directory may not be read. */
    public int sync() {
        try (FileDescriptor readable = directory.reopen(FileFlags.O_RDONLY)) {
            return Libc.fsync(readable.value());
        } catch (LinuxException e) {
            return -e.errno();
        }
    }

    /** Returns a path of a file in this directory, for Java's file classes; valid in this process until {@link #close}. */
    public String pathOf(String name) {
        return "/proc/self/fd/" + directory.value() + "/" + name;
    }

    /** The path by which it was opened. */
    public String name() {
        return directory.name();
    }

    @Override
    public void close() {
        directory.close();
    }
}
