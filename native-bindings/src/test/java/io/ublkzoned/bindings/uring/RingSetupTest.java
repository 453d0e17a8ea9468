package io.ublkzoned.bindings.uring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@Tag("native")
class RingSetupTest {
    private final RingFeatures features = RingFeatures.ofThisKernel();

    @BeforeEach
    void wantIoUring() {
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
    }

    @Test
    void featuresOfTheKernelAreFound() {
        assertTrue(features.supports(RingFlag.SQE128));
        assertEquals("", features.unavailableReason());
    }

    @Test
    void ringHasTheFlagsThatTheKernelHas() throws IOException {
        try (IoUring ring = IoUring.create(4, 0, RingFlag.values())) {
            for (RingFlag flag : RingFlag.values()) {
                assertEquals(features.supports(flag), ring.has(flag), flag::name);
            }
        }
    }

    @Test
    void missingFlagIsLeftOut() throws IOException {
        RingFeatures fewer = features.without(RingFlag.DEFER_TASKRUN).without(RingFlag.COOP_TASKRUN);
        try (IoUring ring = IoUring.create(fewer, 4, 0, RingFlag.values())) {
            assertFalse(ring.has(RingFlag.DEFER_TASKRUN));
            assertFalse(ring.has(RingFlag.COOP_TASKRUN));
            ring.submissions().nop(1, 0);
            assertEquals(1, ring.submitAndWait(1));
        }
    }

    @Test
    void missingWideEntriesAreRefused() {
        RingFeatures fewer = features.without(RingFlag.SQE128);
        assertThrows(IOException.class, () -> IoUring.create(fewer, 4, 0, RingFlag.SQE128));
    }

    @Test
    void wideRingDoesOrdinaryOperations() throws IOException {
        try (IoUring ring = IoUring.create(4, 0, RingFlag.SQE128)) {
            for (long i = 0; i < 9; i++) {
                ring.submissions().nop(i, 0);
                assertEquals(0, CompletionLog.resultOf(ring, i));
            }
        }
    }

    @Test
    void oneThreadMayHaveManyRings() throws IOException {
        // The kernel lets a thread register the descriptors of 16 rings. This test makes more.
        List<IoUring> rings = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            rings.add(IoUring.create(4, 0, RingFlag.DEFER_TASKRUN));
        }
        for (IoUring ring : rings) {
            ring.submissions().nop(1, 0);
            assertEquals(0, CompletionLog.resultOf(ring, 1));
            ring.close();
        }
    }

    @Test
    void impossibleSizeIsRefusedWithAReason() {
        IOException refused = assertThrows(IOException.class, () -> IoUring.create(1 << 30, 0));
        assertEquals(
                Errno.EINVAL, assertInstanceOf(LinuxException.class, refused).errno());
        assertEquals("io_uring_queue_init(1073741824 entries): EINVAL (22), Invalid argument", refused.getMessage());
    }

    @Test
    void methodsThatUseTheRingRefuseUseAfterClose() throws IOException {
        IoUring ring = IoUring.create(4, 0, RingFlag.DEFER_TASKRUN);
        SubmissionQueue queue = ring.submissions();
        ring.close();
        ring.close();
        Executable[] calls = {
            ring::submit,
            () -> ring.submitAndWait(0),
            () -> ring.submitAndWait(1),
            () -> ring.submitAndWait(1, 1),
            () -> ring.registerFiles(0),
            ring::unregisterFiles,
            () -> ring.registerBuffers(MemorySegment.NULL),
            () -> ring.registerBuffersSparse(1),
            () -> queue.nop(1, 0),
            () -> queue.read(0, 0, 0, 0, 1, 0),
            () -> queue.fsync(0, true, 1, 0),
            () -> queue.command(0, 0, 0, 0, 1, 0),
            queue::free,
            () -> queue.reserve(1),
            () -> ring.completions().ready(),
            () -> ring.completions().drain(new CompletionLog(), 1),
        };
        for (Executable call : calls) {
            assertThrows(IllegalStateException.class, call);
        }
    }

    @Test
    void otherThreadsAreRefused() throws Exception {
        try (IoUring ring = IoUring.create(4, 0)) {
            Throwable[] thrown = new Throwable[3];
            Thread thread = new Thread(() -> {
                thrown[0] = assertThrows(
                        WrongThreadException.class, () -> ring.submissions().nop(1, 0));
                thrown[1] = assertThrows(WrongThreadException.class, ring::submit);
                thrown[2] = assertThrows(WrongThreadException.class, ring::close);
            });
            thread.start();
            thread.join();
            assertInstanceOf(WrongThreadException.class, thrown[2]);
        }
    }
}
