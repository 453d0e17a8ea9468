package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.bench.IdleQueue;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
import java.lang.reflect.Method;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The data path allocates nothing per request. */
final class AllocationTest {

    private static final int REQUESTS = 100_000;
    private static final int BLOCK = 4096;
    private static final int ZONE_BYTES = 64 << 20;
    private static final int BLOCKS_PER_ZONE = ZONE_BYTES / BLOCK;

    /** The allowance for lists and maps that grow now and then. One object per request would be 1.6 MB or more. */
    private static final long BYTES_MAX = 200_000;

    @Test
    void requestsToAWarmDeviceAllocateNothing() throws Exception {
        AllocationMeter meter = AllocationMeter.find();
        IdleQueue queue = new IdleQueue(FormatOptions.ofSize(16L * ZONE_BYTES)
                .zoneSize(ZONE_BYTES)
                .conventionalZones(1)
                .build());
        BlockRequest request = new BlockRequest(queue, 0, 0);
        warmUp(queue, request);

        long before = meter.allocatedBytes();
        writeAndRead(queue, request, 1, REQUESTS);
        long allocated = meter.allocatedBytes() - before;

        assertEquals(0, queue.failures());
        assertTrue(allocated < BYTES_MAX, () -> allocated + " bytes for " + 4 * REQUESTS + " requests");
    }

    /** Uses every zone, so that all mappings are loaded, and runs the path often enough to be compiled. */
    private static void warmUp(IdleQueue queue, BlockRequest request) {
        for (int zone = 0; zone < 16; zone++) {
            request.set(BlockOp.WRITE, (long) zone * ZONE_BYTES, BLOCK, false);
            queue.run(request);
        }
        writeAndRead(queue, request, 8, 2 * BLOCKS_PER_ZONE);
    }

    /**
     * Writes, reads back and flushes consecutive blocks, starting at the second block of a zone and passing the first
     * block of each following zone.
     */
    private static void writeAndRead(IdleQueue queue, BlockRequest request, int firstZone, int requests) {
        int zone = firstZone;
        int block = 1;
        for (int i = 0; i < requests; i++) {
            long offset = (long) zone * ZONE_BYTES + (long) block * BLOCK;
            boolean append = (i & 1) == 0;
            request.set(
                    append ? BlockOp.ZONE_APPEND : BlockOp.WRITE,
                    append ? (long) zone * ZONE_BYTES : offset,
                    BLOCK,
                    false);
            queue.run(request);
            request.set(BlockOp.READ, offset, BLOCK, false);
            queue.run(request);
            request.set(BlockOp.WRITE, (long) (i % BLOCKS_PER_ZONE) * BLOCK, BLOCK, false);
            queue.run(request);
            request.set(BlockOp.FLUSH, 0, 0, false);
            queue.run(request);
            if (++block == BLOCKS_PER_ZONE) {
                block = 1;
                zone++;
            }
        }
    }

    /** The meter of this thread's allocations, by java.management, which the engine's module does not read. */
    private record AllocationMeter(Object threads, Method method) {

        static AllocationMeter find() throws ReflectiveOperationException {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            Class<?> type = Class.forName("com.sun.management.ThreadMXBean");
            Assumptions.assumeTrue(type.isInstance(threads), "SKIPPED: this Java counts no allocations of a thread");
            return new AllocationMeter(threads, type.getMethod("getCurrentThreadAllocatedBytes"));
        }

        long allocatedBytes() throws ReflectiveOperationException {
            return (long) method.invoke(threads);
        }
    }
}
