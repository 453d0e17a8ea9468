package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;

import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory mapped by mmap(2) and tied to an arena. It is unmapped when the arena closes, and not before. A later access
 * throws IllegalStateException.
 */
public final class Mapping {
    private static final long MAX_ERRNO = 4095; // include/linux/err.h of the kernel

    private Mapping() {}

    /** Returns the size of a page. */
    public static int pageBytes() {
        return (int) NativeFunction.find("getpagesize").invoke(0, 0, 0);
    }

    /**
     * Maps private zeroed memory. The kernel allocates each page when it is first touched and reserves nothing before
     * (MAP_NORESERVE), so buffers can be sized for the worst case.
     */
    public static MemorySegment anonymous(Arena arena, long lengthBytes) throws LinuxException {
        int flags = libc_h.MAP_PRIVATE() | libc_h.MAP_ANONYMOUS() | libc_h.MAP_NORESERVE();
        return map(arena, lengthBytes, libc_h.PROT_READ() | libc_h.PROT_WRITE(), flags, -1, 0);
    }

    /**
     * Maps a part of a file or device, shared with all processes that map it. An access past the end of the file throws
     * InternalError.
     *
     * @param offsetBytes a multiple of the page size
     */
    public static MemorySegment shared(Arena arena, FileDescriptor file, long offsetBytes, long lengthBytes)
            throws LinuxException {
        int protection = libc_h.PROT_READ() | libc_h.PROT_WRITE();
        return map(arena, lengthBytes, protection, libc_h.MAP_SHARED(), file.value(), offsetBytes);
    }

    /**
     * Maps as {@link #shared} does, but the kernel may reclaim the pages even if the process has locked its memory for
     * the future.
     */
    public static MemorySegment sharedReclaimable(Arena arena, FileDescriptor file, long offsetBytes, long lengthBytes)
            throws LinuxException {
        MemorySegment mapped = shared(arena, file, offsetBytes, lengthBytes);
        int unlocked = (int) callRestarting(libc_h.SYS_munlock(), mapped.address(), lengthBytes);
        LinuxException.check(unlocked, "munlock", file.name());
        return mapped;
    }

    /** Maps as {@link #shared} does, but a write from Java throws instead of reaching the page. */
    public static MemorySegment sharedReadOnly(Arena arena, FileDescriptor file, long offsetBytes, long lengthBytes)
            throws LinuxException {
        return map(arena, lengthBytes, libc_h.PROT_READ(), libc_h.MAP_SHARED(), file.value(), offsetBytes)
                .asReadOnly();
    }

    private static MemorySegment map(Arena arena, long lengthBytes, int protection, int flags, int fd, long offsetBytes)
            throws LinuxException {
        long address = callRestarting(libc_h.SYS_mmap(), 0, lengthBytes, protection, flags, fd, offsetBytes);
        if (-MAX_ERRNO <= address && address < 0) {
            throw new LinuxException("mmap(" + lengthBytes + " bytes)", (int) -address);
        }
        return MemorySegment.ofAddress(address).reinterpret(lengthBytes, arena, Mapping::munmap);
    }

    private static void munmap(MemorySegment mapped) {
        callRestarting(libc_h.SYS_munmap(), mapped.address(), mapped.byteSize());
    }
}
