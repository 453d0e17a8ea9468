package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageCacheTest {

    private static final int BYTES = 1 << 20;

    @TempDir
    private Path temp;

    @Test
    void cleanPagesAreCountedAndDropped() throws IOException {
        assumeFalse(
                Files.getFileStore(temp).type().equals("tmpfs"), "SKIPPED: a tmpfs keeps its data in the page cache");
        try (Arena arena = Arena.ofConfined();
                FileDescriptor file = FileDescriptor.open(
                        temp.resolve("file").toString(), FileFlags.O_RDWR | FileFlags.O_CREAT, 0600)) {
            MemorySegment data = arena.allocate(BYTES).fill((byte) 7);
            assertEquals(BYTES, Libc.pwriteFully(file.value(), data, 0));
            assertEquals(0, Libc.fdatasync(file.value()));
            long cached = PageCache.cleanPages(file.value());
            assumeTrue(cached != -Errno.ENOSYS, "SKIPPED: no cachestat before Linux 6.5");
            assertTrue(cached > 0, "cached pages: " + cached);
            assertEquals(0, PageCache.drop(file.value()));
            assertEquals(0, PageCache.cleanPages(file.value()));
        }
    }

    @Test
    void callOnNoFileFailsWithItsErrno() {
        assertEquals(-Errno.EBADF, PageCache.drop(-1));
        assertEquals(-Errno.EBADF, PageCache.cleanPages(-1));
    }
}
