package io.ublkzoned.bindings.linux;

import java.io.Closeable;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An open file, closed by its owner. Threads may share it, but no thread may use the number while another closes the
 * file: the kernel gives the number to the next file at once.
 */
public final class FileDescriptor implements Closeable {
    private static final int CLOSED = -1;

    private final String name;
    private final AtomicInteger value;

    FileDescriptor(String name, int value) {
        this.name = name;
        this.value = new AtomicInteger(value);
    }

    /** Opens an existing file with close-on-exec and with flags of {@link FileFlags}. */
    public static FileDescriptor open(String path, int flags) throws LinuxException {
        return open(path, flags, 0);
    }

    /**
     * Opens a file as {@link #open(String, int)} does. O_CREAT creates it with the permissions of {@code mode} less the
     * umask.
     */
    public static FileDescriptor open(String path, int flags, int mode) throws LinuxException {
        return new FileDescriptor(path, LinuxException.check(Libc.open(path, flags, mode), "open", path));
    }

    /** Opens the same file again with other flags, even if its path now leads to another file. */
    public FileDescriptor reopen(int flags) throws LinuxException {
        String path = "/proc/self/fd/" + value();
        return new FileDescriptor(name, LinuxException.check(Libc.open(path, flags, 0), "open", name));
    }

    /**
     * Makes an eventfd with a counter of 0. A read of 8 bytes waits until the counter is not 0, returns it and clears
     * it. {@link Libc#eventfdIncrement} adds to it.
     */
    public static FileDescriptor eventfd() throws LinuxException {
        return new FileDescriptor("eventfd", LinuxException.check(Libc.eventfd(), "eventfd", ""));
    }

    /**
     * Returns the number of the file descriptor.
     *
     * @throws IllegalStateException after {@link #close}
     */
    public int value() {
        int fd = value.get();
        if (fd == CLOSED) {
            throw new IllegalStateException(name + " is closed");
        }
        return fd;
    }

    /** Sets the permissions by fchmod(2), which ignores the umask. */
    public void setMode(int mode) throws LinuxException {
        LinuxException.check(Libc.fchmod(value(), mode), "fchmod", name);
    }

    /** Sets the owner and the group by fchown(2). */
    public void setOwner(int userId, int groupId) throws LinuxException {
        LinuxException.check(Libc.fchown(value(), userId, groupId), "fchown", name);
    }

    /** Returns the name of the opened file, for messages. */
    public String name() {
        return name;
    }

    /**
     * Closes the file. Later calls do nothing. close(2) does not make data durable, so the caller syncs the file first
     * if that is necessary.
     */
    @Override
    public void close() {
        int fd = value.getAndSet(CLOSED);
        if (fd != CLOSED) {
            Libc.close(fd);
        }
    }

    @Override
    public String toString() {
        return name + " (fd " + value.get() + ")";
    }
}
