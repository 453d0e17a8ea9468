package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Concurrent appends of several threads to one zone, which no program can send through a block device. The test checks
 * the place that each append returns, and reads back all data.
 */
@Tag("native")
class AppendStormTest {

    private static final int THREADS = 4;
    private static final int DEPTH = 16;
    private static final int APPENDS = 1500; // per thread
    private static final int BLOCK = 4096;
    private static final int BLOCKS_MAX = 8;
    private static final int ZONE_BYTES = 256 << 20;
    private static final int ZONE = 3;
    private static final long SEED = 20_261_122;

    /** An append that is done: the place that it returned, and its data. */
    private record Placed(long place, int length, long stamp) {}

    @TempDir
    Path folder;

    /** A queue of a device, on a separate thread. The transfers of its data end in a random order. */
    private static final class Storm extends Thread implements RequestQueue, DataPort {

        private record Part(BlockRequest request, ByteBuffer data, long imageOffset) {}

        private final ZonedDevice device;
        private final FileChannel image;
        private final Random random;
        private final int number;
        private final ArrayDeque<BlockRequest> idle = new ArrayDeque<>();
        private final ConcurrentLinkedQueue<BlockRequest> inbox = new ConcurrentLinkedQueue<>();
        private final List<Part> moving = new ArrayList<>();
        private final long[] stamps = new long[DEPTH];
        private long begun;

        final List<Placed> placed = new ArrayList<>();

        Storm(ZonedDevice device, FileChannel image, int number) {
            super("storm-" + number);
            this.device = device;
            this.image = image;
            this.number = number;
            random = new Random(SEED + number);
            for (int tag = 0; tag < DEPTH; tag++) {
                idle.add(new BlockRequest(this, tag, number * DEPTH + tag));
            }
        }

        @Override
        public void run() {
            while (placed.size() < APPENDS) {
                for (BlockRequest next = inbox.poll(); next != null; next = inbox.poll()) {
                    device.proceed(next);
                }
                if (begun < APPENDS && !idle.isEmpty()) {
                    append(idle.remove());
                }
                if (!moving.isEmpty() && (idle.isEmpty() || random.nextBoolean())) {
                    finish(moving.remove(random.nextInt(moving.size())));
                }
            }
        }

        private void append(BlockRequest request) {
            stamps[request.tag()] = begun++ * THREADS + number;
            int length = (1 + random.nextInt(BLOCKS_MAX)) * BLOCK;
            boolean durable = random.nextInt(100) == 0;
            request.set(BlockOp.ZONE_APPEND, (long) ZONE * ZONE_BYTES, length, durable);
            device.submit(request);
        }

        private void finish(Part part) {
            try {
                int length = part.data().remaining();
                image.write(part.data(), part.imageOffset());
                device.partCompleted(part.request(), length);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public int writePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
            ByteBuffer data =
                    stamped(stamps[request.tag()], request.lengthBytes()).slice(requestOffset, length);
            moving.add(new Part(request, data, imageOffset));
            return PENDING;
        }

        @Override
        public void completed(BlockRequest request, int result) {
            assertEquals(request.lengthBytes(), result, "an append");
            placed.add(new Placed(request.offsetBytes(), result, stamps[request.tag()]));
            device.answering(request);
            idle.add(request);
        }

        @Override
        public void handOver(BlockRequest request) {
            inbox.add(request);
        }

        @Override
        public DataPort dataPort() {
            return this;
        }

        @Override
        public int readPart(BlockRequest request, int requestOffset, long imageOffset, int length) {
            throw new AssertionError("a read");
        }

        @Override
        public int comparePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
            throw new AssertionError("an append that comes again");
        }

        @Override
        public int erasePart(long imageOffset, int length) {
            throw new AssertionError("a fault");
        }

        @Override
        public int readImage(long imageOffset, byte[] target) {
            throw new AssertionError("only appends are sent");
        }

        @Override
        public int zeroPart(BlockRequest request, int requestOffset, int length) {
            throw new AssertionError("a read");
        }
    }

    private static ByteBuffer stamped(long stamp, int length) {
        ByteBuffer data = ByteBuffer.allocate(length);
        for (long word = 0; data.hasRemaining(); word++) {
            data.putLong(stamp << 20 | word);
        }
        return data.flip();
    }

    @Test
    void appendsOfSeveralThreadsTileTheZone() throws Exception {
        Path path = folder.resolve("disk.qcow2");
        try (NewImage fresh = NewImage.create(path)) {
            ImageFormatter.format(
                    fresh.file(),
                    FormatOptions.ofSize(8L * ZONE_BYTES).zoneSize(ZONE_BYTES).build());
            fresh.finish();
        }
        Map<Long, Placed> byPlace = new TreeMap<>();
        try (FileDescriptor descriptor = FileDescriptor.open(path.toString(), FileFlags.O_RDWR);
                FileChannel image = FileChannel.open(path, StandardOpenOption.WRITE)) {
            Semaphore work = new Semaphore(0);
            ZonedDevice device = ZonedDevice.open(new FdImageFile(descriptor), work::release);
            device.begin(DeviceState.unsaved(
                    new DeviceShape(device.geometry(), 4096, THREADS * DEPTH), ImageIdentities.newAttachId()));
            List<Storm> storms = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                storms.add(new Storm(device, image, i));
            }
            storms.forEach(Thread::start);
            while (storms.stream().anyMatch(Thread::isAlive)) {
                if (work.tryAcquire(1, TimeUnit.MILLISECONDS)) {
                    work.drainPermits();
                    device.maintain();
                }
            }
            storms.forEach(storm -> storm.placed.forEach(append -> byPlace.put(append.place(), append)));
            device.close();
        }
        assertEquals(THREADS * APPENDS, byPlace.size(), "distinct places");
        long end = (long) ZONE * ZONE_BYTES;
        for (Placed append : byPlace.values()) {
            assertEquals(end, append.place(), "the next place");
            end += append.length();
        }
        expectData(path, byPlace);
    }

    /** Reads the data of the zone at the offsets in the image's tables. */
    private static void expectData(Path path, Map<Long, Placed> byPlace) throws IOException {
        try (FileDescriptor descriptor = ImageOpener.forReading(path)) {
            FdImageFile file = new FdImageFile(descriptor);
            assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
            Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
            int cluster = image.clusterSizeBytes();
            long[] mapping = new long[ZONE_BYTES / cluster];
            image.readMapping((long) ZONE * mapping.length, mapping.length, mapping);
            for (Placed append : byPlace.values()) {
                byte[] found = new byte[append.length()];
                for (int at = 0; at < found.length; at += BLOCK) {
                    long inZone = append.place() + at - (long) ZONE * ZONE_BYTES;
                    long place = mapping[(int) (inZone / cluster)] * cluster + inZone % cluster;
                    file.read(MemorySegment.ofArray(found).asSlice(at, BLOCK), place);
                }
                assertEquals(stamped(append.stamp(), found.length), ByteBuffer.wrap(found), append::toString);
            }
        }
    }
}
