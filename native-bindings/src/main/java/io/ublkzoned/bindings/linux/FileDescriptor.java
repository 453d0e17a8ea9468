package io.ublkzoned.bindings.linux;

import java.io.Closeable;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An open file, closed once by its owner. May be shared by threads, but the number must not be in use by another one
 * when it is closed: the kernel gives it to the next file at once.
 */
public final class FileDescriptor implements Closeable {
    private static final int CLOSED = -1;

    private final String name;
    private final AtomicInteger value;

    FileDescriptor(String name, int value) {
        this.name = name;
        this.value = new AtomicInteger(value);
    }

    /** Opens an existing file, close-on-exec, with flags of {@link FileFlags}. */
    public static FileDescriptor open(String path, int flags) throws LinuxException {
        return open(path, flags, 0);
    }

    /** As {@link #open(String, int)}; O_CREAT makes the file with the permissions of {@code mode} less the umask. */
    public static FileDescriptor open(String path, int flags, int mode) throws LinuxException {
        return new FileDescriptor(path, LinuxException.check(Libc.open(path, flags, mode), "open", path));
    }

    /** Opens the same file once more, in another way, whatever its path leads to by now. */
    public FileDescriptor reopen(int flags) throws LinuxException {
        String path = "/proc/self/fd/" + value();
        return new FileDescriptor(name, LinuxException.check(Libc.open(path, flags, 0), "open", name));
    }

    /**
     * An eventfd with a counter of 0: a read of 8 bytes waits for, returns and clears it, see
     * {@link Libc#eventfdIncrement}.
     */
    public static FileDescriptor eventfd() throws LinuxException {
        return new FileDescriptor("eventfd", LinuxException.check(Libc.eventfd(), "eventfd", ""));
    }

    /** The number. Throws IllegalStateException after {@link #close}. */
    public int value() {
        int fd = value.get();
        if (fd == CLOSED) {
            throw new IllegalStateException(name + " is closed");
        }
        return fd;
    }

    /** Sets the permissions, fchmod(2): the umask does not matter. */
    public void setMode(int mode) throws LinuxException {
        LinuxException.check(Libc.fchmod(value(), mode), "fchmod", name);
    }

    /** Sets the owner and the group, fchown(2). */
    public void setOwner(int userId, int groupId) throws LinuxException {
        LinuxException.check(Libc.fchown(value(), userId, groupId), "fchown", name);
    }

    /** What was opened, for messages. */
    public String name() {
        return name;
    }

    /** Closes once; later calls do nothing. What must be durable has been synced before: close(2) promises nothing. */
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
