package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.NativeFunction.address;
import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;
import static io.ublkzoned.bindings.linux.SystemCall.callWithoutErrno;
import static io.ublkzoned.bindings.linux.SystemCall.callWithoutRestart;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.libc.libc_h;
import io.ublkzoned.bindings.generated.liburing.iovec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * System calls on files and memory. Each returns the result of the kernel, or -errno. None throws, except for a segment
 * whose arena is closed or belongs to another thread. Calls that a signal interrupts are repeated, so only {@link
 * #ioctl} and {@link #close} can return -EINTR.
 *
 * <p>On the data path, from any thread. Nothing is allocated once a thread has made its first call. File descriptors
 * are plain numbers here; {@link FileDescriptor} owns them.
 */
public final class Libc {
    /** The size of the memory that {@link #preadCached} uses. */
    public static final long VECTOR_BYTES = iovec.sizeof();

    private Libc() {}

    /**
     * Opens a file by open(2), always with O_CLOEXEC.
     *
     * @param flags of {@link FileFlags}
     * @param mode permissions of a new file, before the umask; ignored without O_CREAT
     * @return the file descriptor, or -errno
     */
    public static int open(String path, int flags, int mode) {
        return openAt(libc_h.AT_FDCWD(), path, flags, mode);
    }

    /** Opens a file by openat(2) as {@link #open} does. A relative path starts at the directory. */
    static int openAt(int directoryFd, String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            long cPath = arena.allocateFrom(path).address();
            return (int) callRestarting(libc_h.SYS_openat(), directoryFd, cPath, flags | libc_h.O_CLOEXEC(), mode);
        }
    }

    /**
     * Renames a file within a directory by renameat2(2), without flags. A file that had the name {@code to} loses it.
     */
    static int renameAt(int directoryFd, String from, String to) {
        try (Arena arena = Arena.ofConfined()) {
            long cFrom = arena.allocateFrom(from).address();
            long cTo = arena.allocateFrom(to).address();
            return (int) callRestarting(libc_h.SYS_renameat2(), directoryFd, cFrom, directoryFd, cTo, 0, 0);
        }
    }

    /** Removes the name of a file by unlinkat(2). */
    static int unlinkAt(int directoryFd, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) callRestarting(
                    libc_h.SYS_unlinkat(), directoryFd, arena.allocateFrom(name).address(), 0);
        }
    }

    /** Closes a file by close(2). The number is free afterwards even if the call fails. */
    public static int close(int fd) {
        return (int) callWithoutRestart(libc_h.SYS_close(), fd, 0, 0, 0, 0, 0);
    }

    /**
     * Reads into the whole of {@code buffer} by pread(2). May block.
     *
     * @return bytes read, or -errno; fewer than requested near the end of a file, and 0 at the end
     */
    public static long pread(int fd, MemorySegment buffer, long offsetBytes) {
        return transfer(libc_h.SYS_pread64(), fd, buffer, offsetBytes);
    }

    /**
     * Writes the whole of {@code buffer} by pwrite(2). May block.
     *
     * @return bytes written, possibly fewer than given, or -errno
     */
    public static long pwrite(int fd, MemorySegment buffer, long offsetBytes) {
        return transfer(libc_h.SYS_pwrite64(), fd, buffer, offsetBytes);
    }

    private static long transfer(int number, int fd, MemorySegment buffer, long offsetBytes) {
        try {
            return callRestarting(number, fd, address(buffer), buffer.byteSize(), offsetBytes);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /**
     * Reads into memory of the caller by pread(2), on the data path. Allocates nothing, even without the optimizing
     * compiler.
     *
     * @param address of {@code lengthBytes} of native memory
     * @return bytes read, or -errno
     */
    public static long pread(int fd, long address, long lengthBytes, long offsetBytes) {
        return transfer(libc_h.SYS_pread64(), fd, address, lengthBytes, offsetBytes);
    }

    /**
     * Writes memory of the caller by pwrite(2), as {@link #pread(int, long, long, long)} reads it.
     *
     * @return bytes written, or -errno
     */
    public static long pwrite(int fd, long address, long lengthBytes, long offsetBytes) {
        return transfer(libc_h.SYS_pwrite64(), fd, address, lengthBytes, offsetBytes);
    }

    /** Makes a failed call again to learn its errno. */
    private static long transfer(int number, int fd, long address, long lengthBytes, long offsetBytes) {
        long transferred = callWithoutErrno(number, fd, address, lengthBytes, offsetBytes, 0, 0);
        return transferred >= 0 ? transferred : callRestarting(number, fd, address, lengthBytes, offsetBytes);
    }

    /**
     * Reads data that are in the page cache, by preadv2(2) with RWF_NOWAIT. Never waits. On the data path, as {@link
     * #pread(int, long, long, long)}.
     *
     * @param address of {@code lengthBytes} of native memory
     * @param vector {@link #VECTOR_BYTES} of native memory, aligned to 8, for the call to use
     * @return bytes read, fewer than requested if the rest is not cached or the file ends; negative if nothing is
     *     cached, if the file system does not support RWF_NOWAIT, or on any error
     */
    public static long preadCached(int fd, long address, long lengthBytes, long offsetBytes, MemorySegment vector) {
        vector.set(JAVA_LONG, iovec.iov_base$offset(), address);
        vector.set(JAVA_LONG, iovec.iov_len$offset(), lengthBytes);
        return callWithoutErrno(libc_h.SYS_preadv2(), fd, vector.address(), 1, offsetBytes, 0, libc_h.RWF_NOWAIT());
    }

    /**
     * Finds by mincore(2) which pages of a mapped file are in the page cache. Never waits. On the data path, as {@link
     * #pread(int, long, long, long)}.
     *
     * @param address of the first page
     * @param vectorAddress of one byte per page, whose lowest bit is set if the page is cached
     * @return 0, or negative on an error
     */
    public static long mincore(long address, long lengthBytes, long vectorAddress) {
        return callWithoutErrno(libc_h.SYS_mincore(), address, lengthBytes, vectorAddress, 0, 0, 0);
    }

    /**
     * Repeats {@link #pread(int, MemorySegment, long)} until {@code buffer} is full or the file ends.
     *
     * @return bytes read, or -errno; fewer than {@code buffer} holds only at the end of the file
     */
    public static long preadFully(int fd, MemorySegment buffer, long offsetBytes) {
        long done = pread(fd, buffer, offsetBytes);
        if (done <= 0 || done == buffer.byteSize()) {
            return done;
        }
        while (done < buffer.byteSize()) {
            long read = pread(fd, buffer.asSlice(done), offsetBytes + done);
            if (read < 0) {
                return read;
            }
            if (read == 0) {
                break;
            }
            done += read;
        }
        return done;
    }

    /**
     * Repeats {@link #pwrite(int, MemorySegment, long)} until all of {@code buffer} is written.
     *
     * @return the size of {@code buffer}, or -errno; -EIO if the file takes no more
     */
    public static long pwriteFully(int fd, MemorySegment buffer, long offsetBytes) {
        long done = pwrite(fd, buffer, offsetBytes);
        while (0 < done && done < buffer.byteSize()) {
            long written = pwrite(fd, buffer.asSlice(done), offsetBytes + done);
            if (written <= 0) {
                return written == 0 ? -Errno.EIO : written;
            }
            done += written;
        }
        return done == 0 && buffer.byteSize() > 0 ? -Errno.EIO : done;
    }

    /** Reads by read(2) from a file without offsets: a pipe or an eventfd. */
    public static long read(int fd, MemorySegment buffer) {
        return transfer(libc_h.SYS_read(), fd, buffer, 0);
    }

    /** Writes by write(2) to a file without offsets. */
    public static long write(int fd, MemorySegment buffer) {
        return transfer(libc_h.SYS_write(), fd, buffer, 0);
    }

    /** Syncs a file by fsync(2). Blocks until its data and metadata are durable. */
    public static int fsync(int fd) {
        return (int) callRestarting(libc_h.SYS_fsync(), fd);
    }

    /** Syncs a file by fdatasync(2). Blocks until its data are durable, and the metadata needed to read them. */
    public static int fdatasync(int fd) {
        return (int) callRestarting(libc_h.SYS_fdatasync(), fd);
    }

    /** Sets the permissions of a file by fchmod(2). */
    static int fchmod(int fd, int mode) {
        return (int) callRestarting(libc_h.SYS_fchmod(), fd, mode);
    }

    /** Sets the owner and the group of a file by fchown(2). */
    static int fchown(int fd, int userId, int groupId) {
        return (int) callRestarting(libc_h.SYS_fchown(), fd, userId, groupId);
    }

    /** Sets the size of a file by ftruncate(2). */
    public static int ftruncate(int fd, long sizeBytes) {
        return (int) callRestarting(libc_h.SYS_ftruncate(), fd, sizeBytes);
    }

    /**
     * Changes the allocation of a file by fallocate(2).
     *
     * @param mode 0, or FALLOC_FL_... of {@link FileFlags}
     * @return 0, or -errno; -EOPNOTSUPP where the file system has no such mode
     */
    public static int fallocate(int fd, int mode, long offsetBytes, long lengthBytes) {
        return (int) callRestarting(libc_h.SYS_fallocate(), fd, mode, offsetBytes, lengthBytes);
    }

    /** Seeks by lseek(2). Seeking the end of a file or of a block device returns its size in bytes. */
    public static long lseek(int fd, long offsetBytes, int whence) {
        return callRestarting(libc_h.SYS_lseek(), fd, offsetBytes, whence);
    }

    /** Calls ioctl(2) with a structure as the argument. A call that a signal interrupts is not repeated. */
    public static int ioctl(int fd, int request, MemorySegment argument) {
        try {
            return ioctl(fd, request, address(argument));
        } finally {
            Reference.reachabilityFence(argument);
        }
    }

    /** Calls ioctl(2) with a number as the argument. A call that a signal interrupts is not repeated. */
    public static int ioctl(int fd, int request, long argument) {
        return (int) callWithoutRestart(libc_h.SYS_ioctl(), fd, Integer.toUnsignedLong(request), argument, 0, 0, 0);
    }

    /** Makes an eventfd with a counter of 0, close-on-exec. */
    static int eventfd() {
        return (int) callRestarting(libc_h.SYS_eventfd2(), 0, libc_h.EFD_CLOEXEC());
    }

    /**
     * Adds 1 to the counter of an eventfd, and so wakes its reader. Blocks only when the counter is about to overflow.
     * On the data path: allocates nothing.
     *
     * @return {@link Long#BYTES}, or -errno
     */
    public static long eventfdIncrement(int fd) {
        return transfer(libc_h.SYS_write(), fd, One.ADDRESS, Long.BYTES, 0);
    }

    private static final class One {
        static final long ADDRESS = Arena.global().allocateFrom(JAVA_LONG, 1).address();
    }
}
