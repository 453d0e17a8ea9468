package io.ublkzoned.engine.bench;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
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
 * The cost of a request in the engine, from {@link ZonedDevice#submit} to {@link RequestQueue#completed}: the decision,
 * its place in the image, the completion. Each request goes to a random zone of those in use. See
 * {@code scripts/bench --engine}.
 */
@SuppressWarnings("NullAway.Init") // makeDevice is the constructor
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EngineBenchmark {

    private static final int BLOCK = 512;
    private static final int ZONE_BYTES = 64 << 20;
    private static final int READABLE_BLOCKS = 1024;
    private static final int READABLE_BYTES = READABLE_BLOCKS * BLOCK;
    private static final int MAPPED_BYTES = 16 << 20; // the clusters that the first write of a zone allocates

    /** The number of zones of the device, a power of two. */
    @Param({"4096", "65536"})
    public int zones;

    /** The number of zones in use at a time, a power of two: 128, a limit of active zones that drives have, or all. */
    @Param({"128", "all"})
    public String inUse;

    private IdleQueue queue;
    private BlockRequest request;
    private int slotMask;
    private int slotZones;
    private long[] writePointer;
    private long random;

    @Setup
    public void makeDevice() throws IOException {
        queue = new IdleQueue(FormatOptions.ofSize((long) zones * ZONE_BYTES)
                .zoneSize(ZONE_BYTES)
                .build());
        request = new BlockRequest(queue, 0, 0);
        int slots = inUse.equals("all") ? zones : Integer.parseInt(inUse);
        slotMask = slots - 1;
        slotZones = zones / slots;
        writePointer = new long[slots];
        random = 1;
        for (int zone = 0; zone < zones; zone++) {
            request.set(BlockOp.WRITE, (long) zone * ZONE_BYTES, READABLE_BYTES, false);
            queue.run(request);
        }
        for (int slot = 0; slot < slots; slot++) {
            writePointer[slot] = slotStart(slot) + READABLE_BYTES;
        }
    }

    @TearDown
    public void requireSuccess() {
        if (queue.failures() > 0) {
            throw new IllegalStateException(queue.failures() + " requests failed");
        }
    }

    /** Returns a number whose upper bits have no pattern: Knuth's generator MMIX. */
    private long nextRandom() {
        random = random * 6364136223846793005L + 1442695040888963407L;
        return random >>> 20;
    }

    /** Returns the start of the first of the zones that are in use in sequence. */
    private long slotStart(int slot) {
        return (long) slot * slotZones * ZONE_BYTES;
    }

    /**
     * Returns the address of the next write to a random zone. Once all that the zone has in the image is written, the
     * zone behind it takes its place.
     */
    private long nextWrite() {
        int slot = (int) nextRandom() & slotMask;
        long offset = writePointer[slot];
        writePointer[slot] += BLOCK;
        if ((writePointer[slot] & (ZONE_BYTES - 1)) == MAPPED_BYTES) {
            writePointer[slot] += ZONE_BYTES - MAPPED_BYTES + READABLE_BYTES;
        }
        return offset;
    }

    @Benchmark
    public void read() {
        long chosen = nextRandom();
        long offset = slotStart((int) chosen & slotMask) + (chosen >>> 20 & (READABLE_BLOCKS - 1)) * BLOCK;
        request.set(BlockOp.READ, offset, BLOCK, false);
        queue.run(request);
    }

    @Benchmark
    public void write() {
        request.set(BlockOp.WRITE, nextWrite(), BLOCK, false);
        queue.run(request);
    }

    @Benchmark
    public void append() {
        request.set(BlockOp.ZONE_APPEND, nextWrite() & -ZONE_BYTES, BLOCK, false);
        queue.run(request);
    }
}
