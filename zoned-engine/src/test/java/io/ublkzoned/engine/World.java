package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A device and all that is around it, on one thread: the image in memory, two queues, and a thread of metadata that works
 * when it is told to. Nothing moves by itself; {@link #settle} lets everything move until nothing is left to do.
 */
final class World {

    static final int QUEUE_DEPTH = 8;
    static final int BLOCK = 4096;
    /** A device may have this many zones. */
    static final int ZONES_MAX = 1000;

    /** Eight words for the device and one for each zone. */
    private static final int STATE_WORDS = 8 + ZONES_MAX;

    /** A zone as a report shows it. */
    record ReportedZone(long start, long capacity, long writePointer, ZoneCondition condition) {}

    final MemoryImage image = new MemoryImage();
    final FakeQueue[] queues = {new FakeQueue(this, image, QUEUE_DEPTH), new FakeQueue(this, image, QUEUE_DEPTH)};
    final FakeQueue queue = queues[0];
    final FakePort port = queue.port;

    private @Nullable ZonedDevice device;
    private MemorySegment state = newState();
    private boolean woken;
    private long clock;

    /** Fills an empty file. */
    @FunctionalInterface
    interface ImageMaker {
        void make(MemoryImage image) throws IOException;
    }

    /** Makes an image and attaches it. */
    World(FormatOptions options) {
        this(image -> ImageFormatter.format(image, options));
    }

    /** Attaches an image that the test makes. */
    World(ImageMaker maker) {
        try {
            maker.make(image);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        open();
    }

    /** Sixteen zones of 1 MiB of which 768 KiB can be written, the first two conventional, without limits. */
    static World small() {
        return new World(smallOptions().build());
    }

    static FormatOptions.Builder smallOptions() {
        return FormatOptions.ofSize(16L << 20)
                .zoneSize(1 << 20)
                .capacity(768 << 10)
                .conventionalZones(2)
                .clusterSize(64 << 10);
    }

    ZonedDevice device() {
        if (device == null) {
            throw new AssertionError("the image is not attached");
        }
        return device;
    }

    DeviceGeometry geometry() {
        return device().geometry();
    }

    long tick() {
        return ++clock;
    }

    private static MemorySegment newState() {
        return MemorySegment.ofArray(new long[STATE_WORDS]);
    }

    /** Attaches the image as {@code add} does. */
    void open() {
        state = newState();
        reopenDead();
    }

    /** Attaches the image as {@code recover} does. */
    private void reopenDead() {
        try {
            device = ZonedDevice.reopen(image, state, () -> woken = true);
            device.begin(state);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        image.events.clear();
    }

    /** Ends the device cleanly. */
    void close() throws IOException {
        settle();
        device().close();
        device = null;
    }

    void reopen() {
        try {
            close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        open();
    }

    /** The server dies, and another one takes the device over: what the first wrote and acknowledged is there. */
    void killAndRecover() {
        forgetRequests();
        reopenDead();
    }

    private void forgetRequests() {
        for (FakeQueue each : queues) {
            each.forgetAll();
        }
    }

    /** Loses everything that was not synced, and attaches the image again. */
    void cutPowerAndOpen() {
        image.cutPower();
        forgetRequests();
        open();
    }

    IoCall submit(BlockOp op, long offset, byte[] data) {
        return queue.submit(op, offset, data, false);
    }

    IoCall submit(BlockOp op, int zone) {
        return submit(op, geometry().zoneStart(zone), new byte[0]);
    }

    /** Does what the metadata thread does when it is woken; false if it was not. */
    boolean maintain() {
        if (!woken) {
            return false;
        }
        woken = false;
        device().maintain();
        return true;
    }

    /** Lets the metadata thread and the queues go on until they wait for held parts only. */
    void step() {
        boolean moved = true;
        while (moved) {
            moved = maintain();
            for (FakeQueue each : queues) {
                moved |= each.proceedOnce();
            }
        }
    }

    /** Lets everything end: held parts too. */
    void settle() {
        boolean moved = true;
        while (moved) {
            step();
            moved = false;
            for (FakeQueue each : queues) {
                while (each.port.heldParts() > 0) {
                    each.port.complete(0);
                    moved = true;
                }
            }
        }
    }

    private int run(BlockOp op, long offset, byte[] data, boolean forceUnitAccess) {
        IoCall call = queue.submit(op, offset, data, forceUnitAccess);
        settle();
        assertTrue(call.done, () -> "never completed: " + call);
        return call.result;
    }

    int run(BlockOp op, int zone) {
        return run(op, geometry().zoneStart(zone), new byte[0], false);
    }

    int write(long offset, byte[] data) {
        return run(BlockOp.WRITE, offset, data, false);
    }

    int writeFua(long offset, byte[] data) {
        return run(BlockOp.WRITE, offset, data, true);
    }

    int append(int zone, byte[] data) {
        return run(BlockOp.ZONE_APPEND, geometry().zoneStart(zone), data, false);
    }

    int flush() {
        return run(BlockOp.FLUSH, 0, new byte[0], false);
    }

    int resetAll() {
        return run(BlockOp.ZONE_RESET_ALL, 0, new byte[0], false);
    }

    byte[] read(long offset, int length) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) 0x55);
        int result = run(BlockOp.READ, offset, data, false);
        assertFalse(result < 0, () -> "read of " + offset + "+" + length + " failed: " + result);
        return data;
    }

    long start(int zone) {
        return geometry().zoneStart(zone);
    }

    ReportedZone report(int zone) {
        ReportedZone[] reported = new ReportedZone[1];
        device().report(
                        zone,
                        1,
                        (index, start, capacity, pointer, condition) ->
                                reported[0] = new ReportedZone(start, capacity, pointer, condition));
        return reported[0];
    }

    /** The write pointer as a distance from the start of the zone. */
    long pointer(int zone) {
        return report(zone).writePointer() - start(zone);
    }

    ZoneCondition condition(int zone) {
        return report(zone).condition();
    }
}
