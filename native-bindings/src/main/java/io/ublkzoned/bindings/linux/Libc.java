package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.AddressLinker.thrownBy;
import static io.ublkzoned.bindings.linux.ErrnoCapture.link;
import static io.ublkzoned.bindings.linux.ErrnoCapture.linkVariadic;
import static io.ublkzoned.bindings.linux.ErrnoCapture.result;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.libc.libc_h;
import io.ublkzoned.bindings.generated.liburing.iovec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * System calls on files and memory. Each returns what the kernel returned, or -errno; none throws, except for a segment
 * whose arena is closed or another thread's. Calls that POSIX lets a signal interrupt are made again, so that -EINTR is
 * never seen.
 *
 * <p>On the data path, from any thread: nothing is allocated once a thread has made its first call. File descriptors
 * are plain numbers here; {@link FileDescriptor} owns them.
 *
 * <p>Each function is linked at its first call: that takes milliseconds, and a command calls few of them.
 */
public final class Libc {
    /** The size of the memory that {@link #preadCached} uses. */
    public static final long VECTOR_BYTES = iovec.sizeof();

    private Libc() {}

    private static final class Open {
        static final MethodHandle CALL = linkVariadic("open", 2, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    }

    /**
     * open(2), always with O_CLOEXEC.
     *
     * @param flags of {@link FileFlags}
     * @param mode permissions of a new file, before the umask; ignored without O_CREAT
     * @return the file descriptor, or -errno
     */
    public static int open(String path, int flags, int mode) {
        MemorySegment capture = ErrnoCapture.segment();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cPath = arena.allocateFrom(path);
            int fd;
            do {
                fd = result((int) Open.CALL.invokeExact(capture, cPath, flags | libc_h.O_CLOEXEC(), mode), capture);
            } while (fd == -Errno.EINTR);
            return fd;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Close {
        static final MethodHandle CALL = link("close", JAVA_INT, JAVA_INT);
    }

    /** close(2). The number is free afterwards whatever is returned. */
    public static int close(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) Close.CALL.invokeExact(capture, fd), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Pread {
        static final MethodHandle CALL = link("pread", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
    }

    /**
     * pread(2) into the whole of {@code buffer}; may block.
     *
     * @return bytes read (fewer than asked near the end of a file, 0 at it), or -errno
     */
    public static long pread(int fd, MemorySegment buffer, long offsetBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long read;
            do {
                read = result(
                        (long) Pread.CALL.invokeExact(capture, fd, buffer, buffer.byteSize(), offsetBytes), capture);
            } while (read == -Errno.EINTR);
            return read;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Pwrite {
        static final MethodHandle CALL = link("pwrite", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
    }

    /**
     * pwrite(2) of the whole of {@code buffer}; may block.
     *
     * @return bytes written, possibly fewer than given, or -errno
     */
    public static long pwrite(int fd, MemorySegment buffer, long offsetBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long written;
            do {
                written = result(
                        (long) Pwrite.CALL.invokeExact(capture, fd, buffer, buffer.byteSize(), offsetBytes), capture);
            } while (written == -Errno.EINTR);
            return written;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class PreadAddress {
        static final MethodHandle CALL =
                AddressLinker.link("pread", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    }

    /**
     * pread(2) to memory of the caller's, on the data path: allocates nothing, whichever compiler has compiled it.
     *
     * @param address of {@code lengthBytes} of native memory
     * @return bytes read, or -errno
     */
    public static long pread(int fd, long address, long lengthBytes, long offsetBytes) {
        try {
            long read = (long) PreadAddress.CALL.invokeExact(fd, address, lengthBytes, offsetBytes);
            return read >= 0 ? read : pread(fd, memory(address, lengthBytes), offsetBytes);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class PwriteAddress {
        static final MethodHandle CALL =
                AddressLinker.link("pwrite", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    }

    /**
     * pwrite(2) from memory of the caller's, as {@link #pread(int, long, long, long)}.
     *
     * @return bytes written, or -errno
     */
    public static long pwrite(int fd, long address, long lengthBytes, long offsetBytes) {
        try {
            long written = (long) PwriteAddress.CALL.invokeExact(fd, address, lengthBytes, offsetBytes);
            return written >= 0 ? written : pwrite(fd, memory(address, lengthBytes), offsetBytes);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Preadv2Address {
        static final MethodHandle CALL =
                AddressLinker.link("preadv2", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
    }

    /**
     * Reads what the page cache holds (preadv2(2) with RWF_NOWAIT), on the data path as {@link #pread(int, long, long,
     * long)}. Waits for nothing.
     *
     * @param address of {@code lengthBytes} of native memory
     * @param vector {@link #VECTOR_BYTES} of native memory, aligned to 8, for the call to use
     * @return bytes read, fewer than asked where the cache or the file ends; negative if that is none, if the file system
     *     cannot tell, or on any error
     */
    public static long preadCached(int fd, long address, long lengthBytes, long offsetBytes, MemorySegment vector) {
        vector.set(JAVA_LONG, iovec.iov_base$offset(), address);
        vector.set(JAVA_LONG, iovec.iov_len$offset(), lengthBytes);
        try {
            return (long) Preadv2Address.CALL.invokeExact(fd, vector.address(), 1, offsetBytes, libc_h.RWF_NOWAIT());
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** For a call that failed, and is made again to learn its errno. */
    private static MemorySegment memory(long address, long lengthBytes) {
        return MemorySegment.ofAddress(address).reinterpret(lengthBytes);
    }

    /**
     * {@link #pread(int, MemorySegment, long)} until {@code buffer} is full or the file ends.
     *
     * @return bytes read, fewer than {@code buffer} holds only at the end of the file; or -errno
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
     * {@link #pwrite(int, MemorySegment, long)} until all of {@code buffer} is written.
     *
     * @return the size of {@code buffer}, or -errno, -EIO if the file takes no more
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

    private static final class Read {
        static final MethodHandle CALL = link("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    }

    /** read(2), for what has no offset: pipes and eventfds. */
    public static long read(int fd, MemorySegment buffer) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long read;
            do {
                read = result((long) Read.CALL.invokeExact(capture, fd, buffer, buffer.byteSize()), capture);
            } while (read == -Errno.EINTR);
            return read;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Write {
        static final MethodHandle CALL = link("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    }

    /** write(2), for what has no offset. */
    public static long write(int fd, MemorySegment buffer) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long written;
            do {
                written = result((long) Write.CALL.invokeExact(capture, fd, buffer, buffer.byteSize()), capture);
            } while (written == -Errno.EINTR);
            return written;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Fsync {
        static final MethodHandle CALL = link("fsync", JAVA_INT, JAVA_INT);
    }

    /** fsync(2); blocks until data and metadata are durable. */
    public static int fsync(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) Fsync.CALL.invokeExact(capture, fd), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Fdatasync {
        static final MethodHandle CALL = link("fdatasync", JAVA_INT, JAVA_INT);
    }

    /** fdatasync(2); blocks until the data, and the metadata needed to read it, are durable. */
    public static int fdatasync(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) Fdatasync.CALL.invokeExact(capture, fd), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Ftruncate {
        static final MethodHandle CALL = link("ftruncate", JAVA_INT, JAVA_INT, JAVA_LONG);
    }

    /** ftruncate(2): sets the size of a file. */
    public static int ftruncate(int fd, long sizeBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) Ftruncate.CALL.invokeExact(capture, fd, sizeBytes), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Fallocate {
        static final MethodHandle CALL = link("fallocate", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    }

    /**
     * fallocate(2).
     *
     * @param mode 0, or FALLOC_FL_... of {@link FileFlags}
     * @return 0, or -errno: -EOPNOTSUPP where the file system has no such mode
     */
    public static int fallocate(int fd, int mode, long offsetBytes, long lengthBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned =
                        result((int) Fallocate.CALL.invokeExact(capture, fd, mode, offsetBytes, lengthBytes), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Lseek {
        static final MethodHandle CALL = link("lseek", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
    }

    /** lseek(2). To the end of a file or of a block device it tells the size in bytes. */
    public static long lseek(int fd, long offsetBytes, int whence) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((long) Lseek.CALL.invokeExact(capture, fd, offsetBytes, whence), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class IoctlPointer {
        static final MethodHandle CALL = linkVariadic("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
    }

    /** ioctl(2) whose argument is a structure. Not made again after a signal. */
    public static int ioctl(int fd, int request, MemorySegment argument) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result(
                    (int) IoctlPointer.CALL.invokeExact(capture, fd, Integer.toUnsignedLong(request), argument),
                    capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class IoctlLong {
        static final MethodHandle CALL = linkVariadic("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    }

    /** ioctl(2) whose argument is a number. Not made again after a signal. */
    public static int ioctl(int fd, int request, long argument) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result(
                    (int) IoctlLong.CALL.invokeExact(capture, fd, Integer.toUnsignedLong(request), argument), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Eventfd {
        static final MethodHandle CALL = link("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);
    }

    /** eventfd(2) with a counter of 0, close-on-exec. */
    static int eventfd() {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) Eventfd.CALL.invokeExact(capture, 0, libc_h.EFD_CLOEXEC()), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class EventfdWriteAddress {
        static final MethodHandle CALL = AddressLinker.link("eventfd_write", JAVA_INT, JAVA_INT, JAVA_LONG);
    }

    private static final class EventfdWrite {
        static final MethodHandle CALL = link("eventfd_write", JAVA_INT, JAVA_INT, JAVA_LONG);
    }

    /**
     * Adds to the counter of an eventfd, and so wakes its reader. Blocks only when the counter is about to overflow. On the
     * data path: allocates nothing.
     */
    public static int eventfdWrite(int fd, long count) {
        try {
            if ((int) EventfdWriteAddress.CALL.invokeExact(fd, count) == 0) {
                return 0;
            }
            MemorySegment capture = ErrnoCapture.segment();
            return result((int) EventfdWrite.CALL.invokeExact(capture, fd, count), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }
}
