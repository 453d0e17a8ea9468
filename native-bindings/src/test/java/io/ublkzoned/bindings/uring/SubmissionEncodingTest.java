package io.ublkzoned.bindings.uring;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkSubmissions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The bytes that ublk_drv reads from an entry, at the offsets in the kernel's documentation. */
@Tag("native")
class SubmissionEncodingTest {
    private static final int COMMAND = 48;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment entries = arena.allocate(2 * 128, 8);
    private IoUring ring;

    @BeforeEach
    void makeRing() throws IOException {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        ring = IoUring.create(2, 0);
    }

    @AfterEach
    void closeRing() {
        if (ring != null) {
            ring.close();
        }
        arena.close();
    }

    /** Makes a queue whose entries this test can read, full of old bytes. */
    private SubmissionQueue queue(boolean wideEntries) {
        entries.fill((byte) 0xee);
        MemorySegment queue = arena.allocate(liburing_h.SQ_BYTES(), Long.BYTES);
        queue.set(JAVA_INT, liburing_h.SQ_RING_ENTRIES(), 2);
        queue.set(JAVA_INT, liburing_h.SQ_RING_MASK(), 1);
        queue.set(JAVA_LONG, liburing_h.SQ_KHEAD(), arena.allocate(JAVA_INT).address());
        queue.set(JAVA_LONG, liburing_h.SQ_KFLAGS(), arena.allocate(JAVA_INT).address());
        queue.set(JAVA_LONG, liburing_h.SQ_SQES(), entries.address());
        return new SubmissionQueue(ring, arena, queue, wideEntries);
    }

    @Test
    void ioCommandHasTheLayoutOfTheDriver() {
        UblkSubmissions.queueIo(queue(false), 7, UblkCommands.IO_COMMIT_AND_FETCH_REQ, 3, 0x1234, -5, 1L << 40, 99, 1);
        assertEquals(46, entries.get(JAVA_BYTE, 0));
        assertEquals(1, entries.get(JAVA_BYTE, 1));
        assertEquals(7, entries.get(JAVA_INT, 4));
        assertEquals(0xc0107521, entries.get(JAVA_INT, 8));
        assertEquals(0, entries.get(JAVA_INT, 12));
        assertEquals(0, entries.get(JAVA_LONG, 16));
        assertEquals(0, entries.get(JAVA_LONG, 24));
        assertEquals(99, entries.get(JAVA_LONG, 32));
        assertEquals(0, entries.get(JAVA_LONG, 40));
        assertEquals(3, entries.get(JAVA_SHORT, COMMAND));
        assertEquals(0x1234, entries.get(JAVA_SHORT, COMMAND + 2));
        assertEquals(-5, entries.get(JAVA_INT, COMMAND + 4));
        assertEquals(1L << 40, entries.get(JAVA_LONG, COMMAND + 8));
        assertEquals((byte) 0xee, entries.get(JAVA_BYTE, 64));
    }

    @Test
    void controlCommandHasTheLayoutOfTheDriver() {
        UblkSubmissions.queueControl(
                queue(true), 7, UblkCommands.ADD_DEV, UblkCommands.ANY_DEVICE, 1L << 40, 0xfff0, 5, 99);
        assertEquals(46, entries.get(JAVA_BYTE, 0));
        assertEquals(0xc0207504, entries.get(JAVA_INT, 8));
        assertEquals(99, entries.get(JAVA_LONG, 32));
        assertEquals(-1, entries.get(JAVA_INT, COMMAND));
        assertEquals((short) 0xffff, entries.get(JAVA_SHORT, COMMAND + 4));
        assertEquals((short) 0xfff0, entries.get(JAVA_SHORT, COMMAND + 6));
        assertEquals(1L << 40, entries.get(JAVA_LONG, COMMAND + 8));
        assertEquals(5, entries.get(JAVA_LONG, COMMAND + 16));
        for (long i = COMMAND + 24; i < 128; i++) {
            assertEquals(0, entries.get(JAVA_BYTE, i));
        }
        assertEquals((byte) 0xee, entries.get(JAVA_BYTE, 128));
    }

    @Test
    void controlCommandNeedsWideEntries() {
        SubmissionQueue narrow = queue(false);
        assertThrows(
                IllegalStateException.class,
                () -> UblkSubmissions.queueControl(narrow, 7, UblkCommands.GET_FEATURES, 0, 0, 8, 0, 1));
    }
}
