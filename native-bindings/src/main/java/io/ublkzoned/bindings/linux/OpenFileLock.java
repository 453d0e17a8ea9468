package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;

import io.ublkzoned.bindings.generated.libc.flock;
import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Locks on ranges of a file, by fcntl(2). As in {@link Libc}, a result is 0 or -errno. Not on the data path. */
public final class OpenFileLock {

    private OpenFileLock() {}

    /**
     * Takes or drops an open file description lock (F_OFD_SETLK). The open file owns it, so two descriptors that one
     * process has opened exclude each other too. Does not wait.
     *
     * @param type F_RDLCK, F_WRLCK or F_UNLCK of {@link FileFlags}
     * @param lengthBytes 0 locks to the end of the file, however far it grows
     * @return 0, or -errno; -EAGAIN if another open file holds a lock that excludes this one
     */
    public static int tryLock(int fd, int type, long offsetBytes, long lengthBytes) {
        try (Arena arena = Arena.ofConfined()) {
            return lock(fd, libc_h.F_OFD_SETLK(), lockOf(arena, type, offsetBytes, lengthBytes));
        }
    }

    /**
     * Tests whether {@link #tryLock} would succeed (F_OFD_GETLK). Changes nothing.
     *
     * @return 0, or -errno; -EAGAIN if another open file holds a lock that excludes this one
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
        return (int) callRestarting(libc_h.SYS_fcntl(), fd, command, lock.address());
    }
}
