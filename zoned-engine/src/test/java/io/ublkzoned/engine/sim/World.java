package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.StateMemory;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.fault.FaultRuleParser;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A device with its surroundings, on one thread: the image in memory, queues, and a metadata thread that works on
 * demand. Nothing moves by itself. {@link #settle} lets everything move until nothing is left to do.
 */
public final class World {

    static final int QUEUE_DEPTH = 8;
    public static final int BLOCK = 4096;

    /** The maximum number of zones of a device. */
    public static final int ZONES_MAX = 1000;

    static final int QUEUES_MAX = 4;

    private static final int SLOTS = QUEUES_MAX * QUEUE_DEPTH;

    /** Eighteen words for the device and one for each zone and each tag. */
    private static final int STATE_WORDS = 18 + ZONES_MAX + SLOTS;

    private static final UUID BOOT_ID = new UUID(1, 1);

    /** Far more rounds than any number of requests needs to end. */
    private static final int ROUNDS_MAX = 100_000;

    /** A zone as a report shows it. */
    public record ReportedZone(long start, long capacity, long writePointer, ZoneCondition condition) {}

    public final SimulatedDisk image;
    public final FakeQueue[] queues;
    public final FakeQueue queue;
    public final FakePort port;

    /** The memory that outlives a server. */
    public final SimulatedMemory state = new SimulatedMemory(STATE_WORDS);

    private @Nullable ZonedDevice device;
    private int blockBytes = BLOCK;
    private long attaches;
    private long inode = 1;
    private boolean woken;
    private long clock;

    /** The wake-ups of requests that fault rules delay. */
    private final List<Runnable> delayed = new ArrayList<>();

    /** A writer of an image into an empty file. */
    @FunctionalInterface
    public interface ImageMaker {
        void make(SimulatedDisk image) throws IOException;
    }

    /** Creates an image and attaches it to two queues. */
    public World(FormatOptions options) {
        this(image -> ImageFormatter.format(image, options));
    }

    /** Attaches an image of the test to two queues. */
    public World(ImageMaker maker) {
        this(new SimulatedDisk(), 2);
        try {
            maker.make(image);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        open();
    }

    /** Creates a world whose image is not attached yet. */
    World(SimulatedDisk image, int queueCount) {
        this.image = image;
        queues = new FakeQueue[queueCount];
        for (int i = 0; i < queueCount; i++) {
            queues[i] = new FakeQueue(this, image, QUEUE_DEPTH, i * QUEUE_DEPTH);
        }
        queue = queues[0];
        port = queue.port;
    }

    /**
     * Returns a world with sixteen zones of 1 MiB of which 768 KiB can be written, the first two conventional, without
     * limits.
     */
    public static World small() {
        return new World(smallOptions().build());
    }

    public static FormatOptions.Builder smallOptions() {
        return FormatOptions.ofSize(16L << 20)
                .zoneSize(1 << 20)
                .capacity(768 << 10)
                .conventionalZones(2)
                .clusterSize(64 << 10);
    }

    public ZonedDevice device() {
        if (device == null) {
            throw new AssertionError("the image is not attached");
        }
        return device;
    }

    public DeviceGeometry geometry() {
        return device().geometry();
    }

    long tick() {
        return ++clock;
    }

    /** Attaches the image like {@code add}. */
    public void open() {
        try {
            attach();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        image.events.clear();
    }

    /** Attaches the image like {@code recover}. */
    private void reopenDead() {
        try {
            recover();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        image.events.clear();
    }

    /** Opens the image and marks it as in use. */
    void attach() throws IOException {
        state.clear();
        woken = false;
        device = null;
        ZonedDevice opened = ZonedDevice.open(image, () -> woken = true);
        opened.begin(newState(state, opened.geometry()));
        device = opened;
    }

    /** Prepares the state of a new attach. */
    DeviceState newState(StateMemory memory, DeviceGeometry geometry) {
        return DeviceState.prepare(
                memory, new DeviceShape(geometry, blockBytes, SLOTS), new UUID(2, ++attaches), file());
    }

    /** Takes over the device of a dead server. */
    public void recover() throws IOException {
        Optional<DeviceState> left = DeviceState.load(state);
        if (left.isEmpty()) {
            attach();
            return;
        }
        woken = false;
        device = null;
        ZonedDevice opened = ZonedDevice.reopen(image, left.get(), file(), () -> woken = true);
        opened.begin(left.get());
        device = opened;
    }

    /** Sets the size of logical blocks, which is {@link #BLOCK} otherwise. */
    void setBlockBytes(int bytes) {
        blockBytes = bytes;
    }

    int blockBytes() {
        return blockBytes;
    }

    /** Returns the identity of the image file. */
    public ImageIdentity file() {
        return new ImageIdentity(BOOT_ID, 1, inode);
    }

    /** Replaces the identity of the image file, as after a move to another file system. */
    public void replaceFile() {
        inode++;
    }

    /** Closes the device. */
    public void close() throws IOException {
        settle();
        device().close();
        device = null;
    }

    public void reopen() {
        try {
            close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        open();
    }

    /** Kills the server and lets another one take the device over. Its acknowledged writes are there. */
    public void killAndRecover() {
        forgetAll(SimulatedDisk.Survival.NOTHING);
        reopenDead();
    }

    /**
     * Kills the server. Surviving sectors of the writes in flight are in the image.
     *
     * @return the requests whose results the kernel has not taken
     */
    public List<IoCall> forgetAll(SimulatedDisk.Survival survival) {
        state.serverDied();
        delayed.clear();
        List<IoCall> unanswered = new ArrayList<>();
        for (FakeQueue each : queues) {
            unanswered.addAll(each.forgetAll(survival));
        }
        return unanswered;
    }

    /** Returns the requests that the kernel will send again but has not sent yet. */
    Stream<IoCall> reserved() {
        return Arrays.stream(queues).flatMap(FakeQueue::reserved);
    }

    /** Discards all unsynced changes, and attaches the image again. */
    public void cutPowerAndOpen() {
        image.cutPower();
        forgetAll(SimulatedDisk.Survival.NOTHING);
        open();
    }

    public IoCall submit(BlockOp op, long offset, byte[] data) {
        return queue.submit(op, offset, data, false);
    }

    public IoCall submit(BlockOp op, int zone) {
        return submit(op, geometry().zoneStart(zone), new byte[0]);
    }

    /** Puts a fault rule in force. Returns its number. */
    public int inject(String rule) {
        return device().faults().add(FaultRuleParser.parse(rule), (nanos, wakeUp) -> delayed.add(wakeUp));
    }

    /** Puts all fault rules of a life in force. */
    void arm(InjectedFaults faults) {
        faults.rules().forEach(this::inject);
    }

    /** Makes the device work without faults. */
    void disarm() {
        device().faults().removeAll();
    }

    /** Ends the delays of all requests. Returns false if none is delayed. */
    public boolean endDelays() {
        List<Runnable> ending = List.copyOf(delayed);
        delayed.clear();
        ending.forEach(Runnable::run);
        return !ending.isEmpty();
    }

    /** Returns whether the metadata thread has work, or requests are delayed. */
    boolean isWoken() {
        return woken || !delayed.isEmpty();
    }

    /**
     * Ends all delays, and does the work of the metadata thread when it is woken. Returns false if there was neither.
     */
    public boolean maintain() {
        boolean ended = endDelays();
        if (!woken) {
            return ended;
        }
        woken = false;
        device().maintain();
        return true;
    }

    /** Lets the metadata thread and the queues continue until they wait only for held parts. */
    public void step() {
        int rounds = 0;
        boolean moved = true;
        while (moved) {
            assertTrue(++rounds < ROUNDS_MAX, "the device never comes to rest");
            moved = maintain();
            for (FakeQueue each : queues) {
                moved |= each.proceedWithNext();
                each.takeAnswers();
            }
        }
    }

    /** Lets everything end, including held parts. */
    public void settle() {
        int rounds = 0;
        boolean moved = true;
        while (moved) {
            assertTrue(++rounds < ROUNDS_MAX, "the device never comes to rest");
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

    public int run(BlockOp op, int zone) {
        return run(op, geometry().zoneStart(zone), new byte[0], false);
    }

    public int write(long offset, byte[] data) {
        return run(BlockOp.WRITE, offset, data, false);
    }

    public int writeFua(long offset, byte[] data) {
        return run(BlockOp.WRITE, offset, data, true);
    }

    public int append(int zone, byte[] data) {
        return run(BlockOp.ZONE_APPEND, geometry().zoneStart(zone), data, false);
    }

    public int flush() {
        return run(BlockOp.FLUSH, 0, new byte[0], false);
    }

    public int resetAll() {
        return run(BlockOp.ZONE_RESET_ALL, 0, new byte[0], false);
    }

    public byte[] read(long offset, int length) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) 0x55);
        int result = run(BlockOp.READ, offset, data, false);
        assertFalse(result < 0, () -> "read of " + offset + "+" + length + " failed: " + result);
        return data;
    }

    public long start(int zone) {
        return geometry().zoneStart(zone);
    }

    public ReportedZone report(int zone) {
        ReportedZone[] reported = new ReportedZone[1];
        device().report(
                        zone,
                        1,
                        (index, start, capacity, pointer, condition) ->
                                reported[0] = new ReportedZone(start, capacity, pointer, condition));
        return reported[0];
    }

    /** Returns the write pointer as a distance from the start of the zone. */
    public long pointer(int zone) {
        return report(zone).writePointer() - start(zone);
    }

    public ZoneCondition condition(int zone) {
        return report(zone).condition();
    }
}
