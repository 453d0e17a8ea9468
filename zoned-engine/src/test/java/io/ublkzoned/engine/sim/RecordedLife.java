package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.replay.LogReplay;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogHeader;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.LogWriter;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The recording of the life of a device, from its opening on. Its replay into a copy of the image as it was then must end
 * as that life.
 */
public final class RecordedLife {

    /** The disk with the log. */
    public final SimulatedDisk log = new SimulatedDisk();

    private final DeviceGeometry geometry;
    private final int blockBytes;
    private final SimulatedDisk before;

    private RecordedLife(DeviceGeometry geometry, int blockBytes, SimulatedDisk before) {
        this.geometry = geometry;
        this.blockBytes = blockBytes;
        this.before = before;
    }

    /** Begins to record a device that has just been opened. */
    public static RecordedLife begin(World world) throws IOException {
        RecordedLife life = new RecordedLife(world.geometry(), world.blockBytes(), world.image.copy());
        LogHeader header = new LogHeader(life.blockBytes, 0, Optional.of(life.geometry), false);
        world.device().record(LogWriter.begin(life.log, header), new QuietView(world.image));
        return life;
    }

    /** Returns all entries of the log. */
    public List<LogEntry> entries() throws IOException {
        LogReader reader = LogReader.open(log);
        List<LogEntry> entries = new ArrayList<>();
        for (Optional<LogEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
            entries.add(next.get());
        }
        return entries;
    }

    /** Replays the log up to an entry, into a new copy of the image. */
    public OfflineDevice replay(long last) throws IOException {
        OfflineDevice device = open(before.copy());
        new LogReplay(LogReader.open(log), device).apply(0, last);
        return device;
    }

    /** Replays the log as a power cut behind an entry leaves it. Returns the image, which is closed. */
    public SimulatedDisk replay(long last, PowerCut cut) throws IOException {
        SimulatedDisk image = before.copy();
        try (OfflineDevice device = open(image)) {
            new LogReplay(LogReader.open(log), device).apply(0, last, cut);
        }
        return image;
    }

    /**
     * Compares the replayed log with the image that the server has closed.
     *
     * @param withConventionalZones whether no write has failed, which can leave any data there
     */
    void check(SimulatedDisk closed, boolean withConventionalZones) throws IOException {
        long last = LogReader.open(log).header().entries() - 1;
        try (OfflineDevice expected = open(closed.copy());
                OfflineDevice replayed = replay(last)) {
            for (int zone = 0; zone < geometry.zoneCount(); zone++) {
                if (withConventionalZones || !geometry.isConventional(zone)) {
                    compare(zone, expected, replayed);
                }
            }
        }
    }

    /** Opens an image of this device. */
    public OfflineDevice open(SimulatedDisk image) throws IOException {
        return OfflineDevice.open(image, blockBytes, new UUID(3, 3));
    }

    private void compare(int zone, OfflineDevice expected, OfflineDevice replayed) {
        assertArrayEquals(data(expected, zone), data(replayed, zone), "replayed data of zone " + zone);
        assertEquals(
                writePointer(expected, zone), writePointer(replayed, zone), "replayed write pointer of zone " + zone);
    }

    /** Returns the write pointer of a zone as a device address. */
    public static long writePointer(OfflineDevice device, int zone) {
        long[] found = new long[1];
        device.report(zone, 1, (index, start, capacity, writePointer, condition) -> found[0] = writePointer);
        return found[0];
    }

    private byte[] data(OfflineDevice device, int zone) {
        byte[] data = new byte[(int) geometry.zoneCapacityBytes(zone)];
        int result = device.read(geometry.zoneStart(zone), MemorySegment.ofArray(data));
        assertEquals(0, result, "the read of zone " + zone);
        return data;
    }

    /** The image as the recorder sees it, without the faults of the disk. */
    private record QuietView(SimulatedDisk image) implements ImageFile {

        @Override
        public long sizeBytes() {
            return image.sizeBytes();
        }

        @Override
        public void read(MemorySegment target, long offsetBytes) {
            target.copyFrom(MemorySegment.ofArray(image.peek(offsetBytes, (int) target.byteSize())));
        }

        @Override
        public void write(MemorySegment source, long offsetBytes) {
            throw new AssertionError("the recorder writes to the image");
        }

        @Override
        public void sync(Barrier barrier) {
            throw new AssertionError("the recorder syncs the image");
        }

        @Override
        public void punchHole(long offsetBytes, long lengthBytes) {
            throw new AssertionError("the recorder changes the image");
        }

        @Override
        public void setSize(long sizeBytes) {
            throw new AssertionError("the recorder changes the image");
        }
    }
}
