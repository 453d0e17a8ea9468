package io.ublkzoned.bindings.uring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The allocations of operations on the data path. Compiled code allocates nothing, even without the optimizing
 * compiler, as a server runs. The test repeats rounds until one allocates nothing, because a busy machine compiles
 * late.
 */
@Tag("native")
class DataPathAllocationTest {
    private static final int OPERATIONS = 20_000;
    private static final int ROUNDS_MAX = 500;
    private static final long PAUSE_MILLIS = 10;
    private static final long BYTES_MAX = OPERATIONS / 10;

    private static final CompletionHandler IGNORE = (userData, result, flags) -> {};

    private static void assertAllocatesNothing(Runnable operation) throws InterruptedException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS_MAX && least > BYTES_MAX; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < OPERATIONS; i++) {
                operation.run();
            }
            least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            Thread.sleep(PAUSE_MILLIS);
        }
        assertTrue(least <= BYTES_MAX, least + " bytes in " + OPERATIONS + " operations");
    }

    @Test
    void submissionAndCompletionAllocateNothing() throws Exception {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        try (IoUring ring = IoUring.create(8, 0, RingFlag.DEFER_TASKRUN)) {
            assertAllocatesNothing(() -> {
                ring.submissions().nop(1, 0);
                ring.submitAndWait(1);
                ring.completions().drain(IGNORE, 8);
            });
        }
    }

    @Test
    void timedWaitAllocatesNothing() throws Exception {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        try (IoUring ring = IoUring.create(8, 0, RingFlag.DEFER_TASKRUN)) {
            assertAllocatesNothing(() -> {
                ring.submissions().nop(1, 0);
                ring.submitAndWait(1, 1_000_000_000L);
                ring.completions().drain(IGNORE, 8);
            });
        }
    }

    @Test
    void copiesByAddressAllocateNothing() throws Exception {
        try (FileDescriptor zero = FileDescriptor.open("/dev/zero", FileFlags.O_RDWR);
                Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(8).address();
            int fd = zero.value();
            MemorySegment vector = arena.allocate(Libc.VECTOR_BYTES, 8);
            assertAllocatesNothing(() -> {
                Libc.preadCached(fd, address, 8, 0, vector);
                assertEquals(8, Libc.pread(fd, address, 8, 0));
                assertEquals(8, Libc.pwrite(fd, address, 8, 0));
            });
        }
    }
}
