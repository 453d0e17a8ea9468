package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;

import io.ublkzoned.bindings.generated.libc.cachestat;
import io.ublkzoned.bindings.generated.libc.cachestat_range;
import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The cached pages of a file. As in {@link Libc}, a result can be -errno. Not on the data path. */
public final class PageCache {

    private PageCache() {}

    /**
     * Drops all clean pages of a file that no process has mapped (posix_fadvise(2), POSIX_FADV_DONTNEED).
     *
     * @return 0, or -errno
     */
    public static int drop(int fd) {
        return (int) callRestarting(libc_h.SYS_fadvise64(), fd, 0, 0, libc_h.POSIX_FADV_DONTNEED());
    }

    /**
     * Counts the cached pages of a file that are neither dirty nor in writeback (cachestat(2)).
     *
     * @return the number, or -errno; -ENOSYS before Linux 6.5
     */
    public static long cleanPages(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment range = arena.allocate(cachestat_range.layout()); // length 0: to the end
            MemorySegment counts = arena.allocate(cachestat.layout());
            long returned = callRestarting(libc_h.__NR_cachestat(), fd, range.address(), counts.address(), 0);
            return returned < 0
                    ? returned
                    : cachestat.nr_cache(counts) - cachestat.nr_dirty(counts) - cachestat.nr_writeback(counts);
        }
    }
}
