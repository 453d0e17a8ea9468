package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("native")
class RingOperationsTest {
    private static final long BEYOND_4_GIB = 5L << 30;

    @TempDir
    private Path temp;

    private final Arena arena = Arena.ofConfined();
    private FileDescriptor file;
    private IoUring ring;
    private SubmissionQueue queue;

    @BeforeEach
    void makeRing() throws IOException {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        file = FileDescriptor.open(temp.resolve("image").toString(), FileFlags.O_RDWR | FileFlags.O_CREAT, 0600);
        ring = IoUring.create(8, 0, RingFlag.SINGLE_ISSUER, RingFlag.DEFER_TASKRUN, RingFlag.COOP_TASKRUN);
        queue = ring.submissions();
    }

    @AfterEach
    void closeRing() {
        if (ring != null) {
            ring.close();
            file.close();
        }
        arena.close();
    }

    private MemorySegment bytes(String text) {
        return arena.allocateFrom(JAVA_BYTE, text.getBytes(US_ASCII));
    }

    private static String text(MemorySegment segment) {
        return new String(segment.toArray(JAVA_BYTE), US_ASCII);
    }

    private int completed(long userData) {
        return CompletionLog.resultOf(ring, userData);
    }

    @Test
    void writtenDataAreReadBack() {
        queue.write(file.value(), bytes("zoned").address(), 5, BEYOND_4_GIB, 1, 0);
        assertEquals(5, completed(1));
        MemorySegment back = arena.allocate(100);
        queue.read(file.value(), back.address(), 100, BEYOND_4_GIB + 1, 2, 0);
        assertEquals(4, completed(2));
        assertEquals("oned", text(back.asSlice(0, 4)));
    }

    @Test
    void userDataComesBackWhole() {
        queue.nop(-2, 0);
        queue.nop(Long.MIN_VALUE, 0);
        assertEquals(List.of(-2L, Long.MIN_VALUE), new CompletionLog().await(ring, 2).order);
    }

    @Test
    void failureIsNegativeErrno() {
        queue.read(-1, 0, 1, 0, 1, 0);
        assertEquals(-Errno.EBADF, completed(1));
    }

    @Test
    void syncsSucceed() {
        queue.fsync(file.value(), true, 1, 0);
        queue.fsync(file.value(), false, 2, 0);
        assertEquals(Map.of(1L, 0, 2L, 0), new CompletionLog().await(ring, 2).results);
    }

    @Test
    void fixedBuffersMoveDataByIndex() throws Exception {
        MemorySegment first = arena.allocate(4096, 4096);
        MemorySegment second = bytes("fixed");
        ring.registerBuffers(first, second);
        queue.writeFixed(file.value(), 1, second.address() + 1, 4, 0, 1, 0);
        assertEquals(4, completed(1));
        queue.readFixed(file.value(), 0, first.address() + 100, 4, 0, 2, 0);
        assertEquals(4, completed(2));
        assertEquals("ixed", text(first.asSlice(100, 4)));

        queue.readFixed(file.value(), 0, second.address(), 4, 0, 3, 0);
        assertEquals(-Errno.EFAULT, completed(3));
    }

    @Test
    void sparseBufferTableIsEmpty() throws Exception {
        ring.registerBuffersSparse(4);
        queue.writeFixed(file.value(), 3, bytes("sparse").address(), 6, 0, 1, 0);
        assertEquals(-Errno.EFAULT, completed(1));
    }

    @Test
    void registeredFilesAreNamedByIndex() throws Exception {
        MemorySegment data = bytes("index");
        ring.registerFiles(file.value());
        queue.write(0, data.address(), 5, 0, 1, SubmissionQueue.FIXED_FILE);
        assertEquals(5, completed(1));
        queue.write(1, data.address(), 5, 0, 2, SubmissionQueue.FIXED_FILE);
        assertEquals(-Errno.EBADF, completed(2));
        ring.unregisterFiles();
        queue.write(0, data.address(), 5, 0, 3, SubmissionQueue.FIXED_FILE);
        assertEquals(-Errno.EBADF, completed(3));
        assertEquals("index", Files.readString(temp.resolve("image")));
    }

    @Test
    void failureCancelsTheEntriesLinkedBehindIt() throws Exception {
        MemorySegment data = bytes("never");
        queue.read(-1, data.address(), 5, 0, 1, SubmissionQueue.LINK);
        queue.write(file.value(), data.address(), 5, 0, 2, 0);
        Map<Long, Integer> results = new CompletionLog().await(ring, 2).results;
        assertEquals(Map.of(1L, -Errno.EBADF, 2L, -Errno.ECANCELED), results);
        assertEquals(0, Files.size(temp.resolve("image")));
    }

    @Test
    void linkedOperationsRunInOrder() {
        queue.write(file.value(), bytes("zoned").address(), 5, 0, 1, SubmissionQueue.LINK);
        queue.fsync(file.value(), true, 2, SubmissionQueue.LINK);
        MemorySegment back = arena.allocate(5);
        queue.read(file.value(), back.address(), 5, 0, 3, 0);
        assertEquals(List.of(1L, 2L, 3L), new CompletionLog().await(ring, 3).order);
        assertEquals("zoned", text(back));
    }

    @Test
    void punchedHoleReadsAsZeros() {
        Libc.pwriteFully(file.value(), bytes("x".repeat(8192)), 0);
        int mode = FileFlags.FALLOC_FL_PUNCH_HOLE | FileFlags.FALLOC_FL_KEEP_SIZE;
        queue.fallocate(file.value(), mode, 4096, 4096, 1, 0);
        assertEquals(0, completed(1));
        MemorySegment back = arena.allocate(2);
        Libc.preadFully(file.value(), back, 4095);
        assertEquals("x\0", text(back));
    }

    @Test
    void successCanBeSilent() {
        queue.nop(1, SubmissionQueue.SKIP_SUCCESS);
        queue.nop(2, 0);
        assertEquals(List.of(2L), new CompletionLog().await(ring, 1).order);
    }

    @Test
    void anotherThreadWakesTheRing() throws Exception {
        try (FileDescriptor event = FileDescriptor.eventfd()) {
            MemorySegment count = arena.allocate(JAVA_LONG);
            queue.read(event.value(), count.address(), 8, 0, 1, 0);
            assertEquals(0, ring.submitAndWait(0));
            Thread waker = new Thread(() -> Libc.eventfdIncrement(event.value()));
            waker.start();
            assertEquals(8, completed(1));
            waker.join();
            assertEquals(1, count.get(JAVA_LONG, 0));
        }
    }

    @Test
    void cancelledReadCompletes() throws Exception {
        try (FileDescriptor event = FileDescriptor.eventfd()) {
            queue.read(event.value(), arena.allocate(JAVA_LONG).address(), 8, 0, 1, 0);
            ring.submit();
            queue.cancel(1, 2, 0);
            Map<Long, Integer> results = new CompletionLog().await(ring, 2).results;
            assertEquals(Map.of(1L, -Errno.ECANCELED, 2L, 0), results);
        }
    }

    @Test
    void commandOnAnOrdinaryFileIsUnsupported() {
        queue.command(file.value(), 0xc0107520, 0, 0, 1, 0);
        assertEquals(-Errno.EOPNOTSUPP, completed(1));
    }

    @Test
    void zeroedEntryKeepsNothingOfItsPredecessor() {
        // The queue has 8 entries: the second round reuses those of the first.
        for (int i = 0; i < 8; i++) {
            queue.fsync(file.value(), true, i, SubmissionQueue.ASYNC);
        }
        assertEquals(8, new CompletionLog().await(ring, 8).order.size());
        for (int i = 0; i < 8; i++) {
            queue.nop(i, 0);
        }
        assertTrue(new CompletionLog().await(ring, 8).results.values().stream().allMatch(result -> result == 0));
    }
}
