package io.ublkzoned.engine.bench;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a request costs in the engine, from {@link ZonedDevice#submit} to {@link RequestQueue#completed}: the decision, its
 * place in the image, the end. Each request is for another zone, by chance. See {@code scripts/bench --engine}.
 */
@SuppressWarnings("NullAway.Init") // makeDevice is the constructor
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EngineBenchmark {

    // Small requests: so no zone is written further than the clusters that its first write has given it.
    private static final int BLOCK = 512;
    private static final int ZONE_BYTES = 64 << 20;
    private static final int READABLE_BLOCKS = 1024;
    private static final int READABLE_BYTES = READABLE_BLOCKS * BLOCK;

    /** How many zones the device has, a power of two. */
    @Param({"4096", "65536"})
    public int zones;

    private IdleQueue queue;
    private BlockRequest request;
    private long[] writePointer;
    private long random;

    @Setup
    public void makeDevice() throws IOException {
        queue = new IdleQueue(FormatOptions.ofSize((long) zones * ZONE_BYTES)
                .zoneSize(ZONE_BYTES)
                .build());
        request = new BlockRequest(queue, 0, 0);
        writePointer = new long[zones];
        random = 1;
        for (int zone = 0; zone < zones; zone++) {
            request.set(BlockOp.WRITE, (long) zone * ZONE_BYTES, READABLE_BYTES, false);
            queue.run(request);
            writePointer[zone] = (long) zone * ZONE_BYTES + READABLE_BYTES;
        }
    }

    @TearDown
    public void requireSuccess() {
        if (queue.failures() > 0) {
            throw new IllegalStateException(queue.failures() + " requests failed");
        }
    }

    /** A number whose upper bits are of no pattern: Knuth's generator MMIX. */
    private long nextRandom() {
        random = random * 6364136223846793005L + 1442695040888963407L;
        return random >>> 20;
    }

    @Benchmark
    public void read() {
        long chosen = nextRandom();
        long offset = (chosen & (zones - 1)) * ZONE_BYTES + (chosen >>> 20 & (READABLE_BLOCKS - 1)) * BLOCK;
        request.set(BlockOp.READ, offset, BLOCK, false);
        queue.run(request);
    }

    @Benchmark
    public void write() {
        int zone = (int) (nextRandom() & (zones - 1));
        request.set(BlockOp.WRITE, writePointer[zone], BLOCK, false);
        writePointer[zone] += BLOCK;
        queue.run(request);
    }

    @Benchmark
    public void append() {
        long zone = nextRandom() & (zones - 1);
        request.set(BlockOp.ZONE_APPEND, zone * ZONE_BYTES, BLOCK, false);
        queue.run(request);
    }
}
