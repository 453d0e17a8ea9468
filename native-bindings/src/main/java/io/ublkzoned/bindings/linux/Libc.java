package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.AddressLinker.thrownBy;
import static io.ublkzoned.bindings.linux.ErrnoCapture.link;
import static io.ublkzoned.bindings.linux.ErrnoCapture.linkVariadic;
import static io.ublkzoned.bindings.linux.ErrnoCapture.result;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.libc.flock;
import io.ublkzoned.bindings.generated.libc.libc_h;
import io.ublkzoned.bindings.generated.liburing.iovec;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * System calls on files and memory. Each returns what the kernel returned, or -errno; none throws, except for a segment
 * whose arena is closed or another thread's. Calls that POSIX lets a signal interrupt are made again, so that -EINTR is
 * never seen.
 *
 * <p>On the data path, from any thread: nothing is allocated once a thread has made its first call. File descriptors
 * are plain numbers here; {@link FileDescriptor} owns them.
 */
public final class Libc {
    /** The size of the memory that {@link #preadCached} uses. */
    public static final long VECTOR_BYTES = iovec.sizeof();

    private static final FunctionDescriptor IOCTL_DESCRIPTOR = FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG);

    private static final MethodHandle OPEN =
            linkVariadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final MethodHandle CLOSE = link(libc_h.close$address(), libc_h.close$descriptor());
    private static final MethodHandle READ = link(libc_h.read$address(), libc_h.read$descriptor());
    private static final MethodHandle WRITE = link(libc_h.write$address(), libc_h.write$descriptor());
    private static final MethodHandle PREAD = link(libc_h.pread$address(), libc_h.pread$descriptor());
    private static final MethodHandle PWRITE = link(libc_h.pwrite$address(), libc_h.pwrite$descriptor());
    private static final MethodHandle PREAD_ADDRESS =
            AddressLinker.link(libc_h.pread$address(), libc_h.pread$descriptor());
    private static final MethodHandle PWRITE_ADDRESS =
            AddressLinker.link(libc_h.pwrite$address(), libc_h.pwrite$descriptor());
    private static final MethodHandle PREADV2_ADDRESS =
            AddressLinker.link(libc_h.preadv2$address(), libc_h.preadv2$descriptor());
    private static final MethodHandle EVENTFD_WRITE_ADDRESS =
            AddressLinker.link(libc_h.eventfd_write$address(), libc_h.eventfd_write$descriptor());
    private static final MethodHandle FSYNC = link(libc_h.fsync$address(), libc_h.fsync$descriptor());
    private static final MethodHandle FDATASYNC = link(libc_h.fdatasync$address(), libc_h.fdatasync$descriptor());
    private static final MethodHandle FTRUNCATE = link(libc_h.ftruncate$address(), libc_h.ftruncate$descriptor());
    private static final MethodHandle FALLOCATE = link(libc_h.fallocate$address(), libc_h.fallocate$descriptor());
    private static final MethodHandle LSEEK = link(libc_h.lseek$address(), libc_h.lseek$descriptor());
    private static final MethodHandle EVENTFD = link(libc_h.eventfd$address(), libc_h.eventfd$descriptor());
    private static final MethodHandle EVENTFD_WRITE =
            link(libc_h.eventfd_write$address(), libc_h.eventfd_write$descriptor());
    private static final MethodHandle MMAP = link(libc_h.mmap$address(), libc_h.mmap$descriptor());
    private static final MethodHandle MUNMAP = link(libc_h.munmap$address(), libc_h.munmap$descriptor());
    private static final MethodHandle IOCTL_POINTER =
            linkVariadic("ioctl", 2, IOCTL_DESCRIPTOR.appendArgumentLayouts(ADDRESS));
    private static final MethodHandle IOCTL_LONG =
            linkVariadic("ioctl", 2, IOCTL_DESCRIPTOR.appendArgumentLayouts(JAVA_LONG));
    private static final MethodHandle FCNTL_POINTER =
            linkVariadic("fcntl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));

    private Libc() {}

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
                fd = result((int) OPEN.invokeExact(capture, cPath, flags | libc_h.O_CLOEXEC(), mode), capture);
            } while (fd == -Errno.EINTR);
            return fd;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** close(2). The number is free afterwards whatever is returned. */
    public static int close(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) CLOSE.invokeExact(capture, fd), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
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
                read = result((long) PREAD.invokeExact(capture, fd, buffer, buffer.byteSize(), offsetBytes), capture);
            } while (read == -Errno.EINTR);
            return read;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
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
                written =
                        result((long) PWRITE.invokeExact(capture, fd, buffer, buffer.byteSize(), offsetBytes), capture);
            } while (written == -Errno.EINTR);
            return written;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /**
     * pread(2) to memory of the caller's, on the data path: allocates nothing, whichever compiler has compiled it.
     *
     * @param address of {@code lengthBytes} of native memory
     * @return bytes read, or -errno
     */
    public static long pread(int fd, long address, long lengthBytes, long offsetBytes) {
        try {
            long read = (long) PREAD_ADDRESS.invokeExact(fd, address, lengthBytes, offsetBytes);
            return read >= 0 ? read : pread(fd, memory(address, lengthBytes), offsetBytes);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /**
     * pwrite(2) from memory of the caller's, as {@link #pread(int, long, long, long)}.
     *
     * @return bytes written, or -errno
     */
    public static long pwrite(int fd, long address, long lengthBytes, long offsetBytes) {
        try {
            long written = (long) PWRITE_ADDRESS.invokeExact(fd, address, lengthBytes, offsetBytes);
            return written >= 0 ? written : pwrite(fd, memory(address, lengthBytes), offsetBytes);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
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
            return (long) PREADV2_ADDRESS.invokeExact(fd, vector.address(), 1, offsetBytes, libc_h.RWF_NOWAIT());
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

    /** read(2), for what has no offset: pipes and eventfds. */
    public static long read(int fd, MemorySegment buffer) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long read;
            do {
                read = result((long) READ.invokeExact(capture, fd, buffer, buffer.byteSize()), capture);
            } while (read == -Errno.EINTR);
            return read;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** write(2), for what has no offset. */
    public static long write(int fd, MemorySegment buffer) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            long written;
            do {
                written = result((long) WRITE.invokeExact(capture, fd, buffer, buffer.byteSize()), capture);
            } while (written == -Errno.EINTR);
            return written;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** fsync(2); blocks until data and metadata are durable. */
    public static int fsync(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) FSYNC.invokeExact(capture, fd), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** fdatasync(2); blocks until the data, and the metadata needed to read it, are durable. */
    public static int fdatasync(int fd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) FDATASYNC.invokeExact(capture, fd), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** ftruncate(2): sets the size of a file. */
    public static int ftruncate(int fd, long sizeBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) FTRUNCATE.invokeExact(capture, fd, sizeBytes), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
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
                returned = result((int) FALLOCATE.invokeExact(capture, fd, mode, offsetBytes, lengthBytes), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** lseek(2). To the end of a file or of a block device it tells the size in bytes. */
    public static long lseek(int fd, long offsetBytes, int whence) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((long) LSEEK.invokeExact(capture, fd, offsetBytes, whence), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** ioctl(2) whose argument is a structure. Not made again after a signal. */
    public static int ioctl(int fd, int request, MemorySegment argument) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result(
                    (int) IOCTL_POINTER.invokeExact(capture, fd, Integer.toUnsignedLong(request), argument), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** ioctl(2) whose argument is a number. Not made again after a signal. */
    public static int ioctl(int fd, int request, long argument) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result(
                    (int) IOCTL_LONG.invokeExact(capture, fd, Integer.toUnsignedLong(request), argument), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /**
     * Takes or drops an open file description lock (F_OFD_SETLK): owned by what open(2) made, so that two descriptors
     * of one process exclude each other too. Does not wait.
     *
     * @param type F_RDLCK, F_WRLCK or F_UNLCK of {@link FileFlags}
     * @param lengthBytes 0: to the end of the file, however far it grows
     * @return 0, or -errno: -EAGAIN if another one holds a lock that excludes this one
     */
    public static int tryLock(int fd, int type, long offsetBytes, long lengthBytes) {
        try (Arena arena = Arena.ofConfined()) {
            return lock(fd, libc_h.F_OFD_SETLK(), lockOf(arena, type, offsetBytes, lengthBytes));
        }
    }

    /**
     * Tells whether {@link #tryLock} would succeed (F_OFD_GETLK), and changes nothing.
     *
     * @return 0, or -errno: -EAGAIN if another one holds a lock that excludes this one
     */
    public static int testLock(int fd, int type, long offsetBytes, long lengthBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment lock = lockOf(arena, type, offsetBytes, lengthBytes);
            int returned = lock(fd, libc_h.F_OFD_GETLK(), lock);
            return returned == 0 && flock.l_type(lock) != FileFlags.F_UNLCK ? -Errno.EAGAIN : returned;
        }
    }

    private static MemorySegment lockOf(Arena arena, int type, long offsetBytes, long lengthBytes) {
        MemorySegment lock = arena.allocate(flock.layout());
        flock.l_type(lock, (short) type);
        flock.l_whence(lock, (short) FileFlags.SEEK_SET);
        flock.l_start(lock, offsetBytes);
        flock.l_len(lock, lengthBytes);
        return lock;
    }

    private static int lock(int fd, int command, MemorySegment lock) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) FCNTL_POINTER.invokeExact(capture, fd, command, lock), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** eventfd(2) with a counter of 0, close-on-exec. */
    static int eventfd() {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) EVENTFD.invokeExact(capture, 0, libc_h.EFD_CLOEXEC()), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /**
     * Adds to the counter of an eventfd, and so wakes its reader. Blocks only when the counter is about to overflow. On the
     * data path: allocates nothing.
     */
    public static int eventfdWrite(int fd, long count) {
        try {
            if ((int) EVENTFD_WRITE_ADDRESS.invokeExact(fd, count) == 0) {
                return 0;
            }
            MemorySegment capture = ErrnoCapture.segment();
            return result((int) EVENTFD_WRITE.invokeExact(capture, fd, count), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** mmap(2): the address, or -errno. */
    static long mmap(long lengthBytes, int protection, int flags, int fd, long offsetBytes) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            MemorySegment mapped = (MemorySegment)
                    MMAP.invokeExact(capture, MemorySegment.NULL, lengthBytes, protection, flags, fd, offsetBytes);
            return result(mapped.address(), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    static int munmap(MemorySegment mapped) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) MUNMAP.invokeExact(capture, mapped, mapped.byteSize()), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }
}
