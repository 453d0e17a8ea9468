package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibcTest {
    private static final long FIVE_GIB = 5L << 30;

    @TempDir
    private Path temp;

    private final Arena arena = Arena.ofConfined();
    private FileDescriptor file;

    @BeforeEach
    void openFile() throws LinuxException {
        file = FileDescriptor.open(
                temp.resolve("file").toString(), FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL, 0600);
    }

    @AfterEach
    void closeFile() {
        file.close();
        arena.close();
    }

    private MemorySegment bytes(String text) {
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, text.getBytes(StandardCharsets.US_ASCII));
    }

    private String read(long offsetBytes, int lengthBytes) {
        MemorySegment buffer = arena.allocate(lengthBytes);
        long read = Libc.preadFully(file.value(), buffer, offsetBytes);
        return new String(buffer.asSlice(0, read).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
    }

    @Test
    void errnoIsWhereJavaPutsIt() {
        assertEquals(
                SystemCall.ERRNO,
                Linker.Option.captureStateLayout().byteOffset(MemoryLayout.PathElement.groupElement("errno")));
    }

    @Test
    void transfersByAddressMatchThoseBySegment() {
        MemorySegment written = bytes("by address");
        assertEquals(10, Libc.pwrite(file.value(), written.address(), 10, FIVE_GIB));
        MemorySegment back = arena.allocate(16);
        assertEquals(10, Libc.pread(file.value(), back.address(), 16, FIVE_GIB));
        assertEquals(-1, back.asSlice(0, 10).mismatch(written));
        assertEquals(-Errno.EBADF, Libc.pread(-1, back.address(), 16, 0));
        assertEquals(-Errno.EFAULT, Libc.pread(file.value(), 8, 16, FIVE_GIB));
        assertEquals(-Errno.EBADF, Libc.pwrite(-1, back.address(), 16, 0));
    }

    @Test
    void cachedReadReturnsTheDataOfTheFile() throws Exception {
        Path onDisk = Files.createTempFile(Path.of("target"), "cached", "");
        try (FileDescriptor cached = FileDescriptor.open(onDisk.toString(), FileFlags.O_RDWR)) {
            MemorySegment vector = arena.allocate(Libc.VECTOR_BYTES, 8);
            MemorySegment back = arena.allocate(16);
            Libc.pwriteFully(cached.value(), bytes("cached"), 3);
            long read = Libc.preadCached(cached.value(), back.address(), 16, 3, vector);
            assumeTrue(read >= 0, "SKIPPED: the file system of target does not support RWF_NOWAIT");
            assertEquals(6, read);
            assertEquals(-1, back.asSlice(0, 6).mismatch(bytes("cached")));
            assertTrue(Libc.preadCached(-1, back.address(), 16, 0, vector) < 0);
            assertTrue(Libc.preadCached(cached.value(), 8, 16, 3, vector) < 0);
        } finally {
            Files.delete(onDisk);
        }
    }

    @Test
    void failedCallReturnsItsErrnoNegated() {
        assertEquals(-Errno.ENOENT, Libc.open(temp.resolve("none").toString(), FileFlags.O_RDONLY, 0));
        assertEquals(-Errno.EBADF, Libc.pread(-1, arena.allocate(1), 0));
        assertEquals(-Errno.EBADF, Libc.pwriteFully(-1, arena.allocate(1), 0));
        assertEquals(-Errno.EBADF, Libc.fdatasync(-1));
        assertEquals(-Errno.EBADF, Libc.close(-1));
        assertEquals(-Errno.EINVAL, Libc.lseek(file.value(), -1, FileFlags.SEEK_SET));
        assertEquals(-Errno.ENOTTY, Libc.ioctl(file.value(), 0x5401, arena.allocate(64)));
        assertEquals(-Errno.EBADF, Libc.ioctl(-1, 0x5401, 0L));
    }

    @Test
    void errnoOfOneThreadIsNotSeenByAnother() throws InterruptedException {
        int[] other = new int[1];
        Thread thread = new Thread(() -> other[0] = Libc.close(-1));
        int mine = Libc.ioctl(file.value(), 0x5401, 0L);
        thread.start();
        thread.join();
        assertEquals(-Errno.ENOTTY, mine);
        assertEquals(-Errno.EBADF, other[0]);
    }

    @Test
    void writesBeyondFourGibibytesAreReadBack() {
        assertEquals(5, Libc.pwriteFully(file.value(), bytes("zoned"), FIVE_GIB));
        assertEquals("zoned", read(FIVE_GIB, 5));
        assertEquals(FIVE_GIB + 5, Libc.lseek(file.value(), 0, FileFlags.SEEK_END));
    }

    @Test
    void fullReadStopsAtTheEndOfTheFile() {
        Libc.pwriteFully(file.value(), bytes("zoned"), 0);
        assertEquals("ned", read(2, 100));
        assertEquals("", read(5, 100));
    }

    @Test
    void emptyBufferTransfersZeroBytes() {
        assertEquals(0, Libc.pwriteFully(file.value(), arena.allocate(0), 0));
        assertEquals(0, Libc.preadFully(file.value(), arena.allocate(0), 0));
    }

    @Test
    void fullReadContinuesAfterAShortOne() throws LinuxException {
        // A read of this file returns about one page at a time.
        try (FileDescriptor maps = FileDescriptor.open("/proc/self/maps", FileFlags.O_RDONLY)) {
            MemorySegment buffer = arena.allocate(8192);
            assertTrue(Libc.pread(maps.value(), buffer, 0) < 8192);
            assertEquals(8192, Libc.preadFully(maps.value(), buffer, 0));
        }
    }

    @Test
    void punchedHoleReadsAsZeros() {
        Libc.pwriteFully(file.value(), bytes("x".repeat(8192)), 0);
        int mode = FileFlags.FALLOC_FL_PUNCH_HOLE | FileFlags.FALLOC_FL_KEEP_SIZE;
        assertEquals(0, Libc.fallocate(file.value(), mode, 4096, 4096));
        assertEquals("x\0", read(4095, 2));
        assertEquals(-Errno.EOPNOTSUPP, Libc.fallocate(file.value(), FileFlags.FALLOC_FL_PUNCH_HOLE, 0, 4096));
    }

    @Test
    void truncatedFileHasItsNewSize() throws Exception {
        assertEquals(0, Libc.ftruncate(file.value(), FIVE_GIB));
        assertEquals(FIVE_GIB, Files.size(temp.resolve("file")));
        assertEquals(0, Libc.fsync(file.value()));
        assertEquals(0, Libc.fdatasync(file.value()));
    }

    @Test
    void fullDeviceIsEnospc() throws LinuxException {
        try (FileDescriptor full = FileDescriptor.open("/dev/full", FileFlags.O_WRONLY)) {
            assertEquals(-Errno.ENOSPC, Libc.write(full.value(), bytes("zoned")));
        }
    }

    @Test
    void eventfdAddsUpUntilItIsRead() throws LinuxException {
        try (FileDescriptor event = FileDescriptor.eventfd()) {
            assertEquals(8, Libc.eventfdIncrement(event.value()));
            assertEquals(8, Libc.eventfdIncrement(event.value()));
            MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
            assertEquals(8, Libc.read(event.value(), count));
            assertEquals(2, count.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    @Test
    void closedBufferIsRefusedBeforeTheCall() {
        MemorySegment buffer;
        try (Arena brief = Arena.ofConfined()) {
            buffer = brief.allocate(16);
        }
        assertThrows(IllegalStateException.class, () -> Libc.pread(file.value(), buffer, 0));
        assertThrows(IllegalStateException.class, () -> Libc.pwrite(file.value(), buffer, 0));
    }

    @Test
    void writtenBytesMatchTheGivenOnes() {
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) i;
        }
        assertEquals(256, Libc.pwrite(file.value(), arena.allocateFrom(ValueLayout.JAVA_BYTE, all), 100));
        MemorySegment back = arena.allocate(256);
        assertEquals(256, Libc.pread(file.value(), back, 100));
        assertArrayEquals(all, back.toArray(ValueLayout.JAVA_BYTE));
    }
}
