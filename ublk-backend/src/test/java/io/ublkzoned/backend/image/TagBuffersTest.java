package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.ublkzoned.bindings.linux.LinuxException;
import java.lang.foreign.Arena;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("native")
class TagBuffersTest {

    private static final int NO_DEVICE = -1;
    private static final int DEPTH = 4;
    private static final int BYTES = 64 << 10;

    private final Arena arena = Arena.ofConfined();
    private final TagBuffers buffers;

    TagBuffersTest() throws LinuxException {
        buffers = new TagBuffers(arena, NO_DEVICE, 0, DEPTH, BYTES);
    }

    @AfterEach
    void freeMemory() {
        arena.close();
    }

    @Test
    void tagKeepsItsBufferUntilItIsReleased() {
        long first = buffers.address(2, 0);
        assertNotEquals(first, buffers.address(3, 0));
        assertEquals(first + 4096, buffers.address(2, 4096));
        assertEquals(first, buffers.part(2, 0, BYTES).address());
    }

    @Test
    void consecutiveRequestsUseTheSameBuffer() {
        long used = buffers.address(0, 0);
        for (int tag = 1; tag < DEPTH; tag++) {
            buffers.release(tag - 1);
            assertEquals(used, buffers.address(tag, 0));
        }
    }

    @Test
    void allTagsCanHaveABufferAtTheSameTime() {
        long distinct = IntStream.range(0, DEPTH)
                .mapToLong(tag -> buffers.address(tag, 0))
                .distinct()
                .count();
        assertEquals(DEPTH, distinct);
        buffers.release(1);
        buffers.release(1);
        long again = buffers.address(1, 0);
        assertNotEquals(again, buffers.address(0, 0));
    }
}
