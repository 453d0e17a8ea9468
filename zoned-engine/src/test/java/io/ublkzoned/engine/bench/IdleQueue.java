package io.ublkzoned.engine.bench;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.RequestList;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ForwardingImageFile;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.SimulatedDisk;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.UUID;

/**
 * A device in memory whose data port moves no data and completes immediately. Its metadata I/O is done between two
 * requests, and its writes are dropped because they are never read again.
 */
public final class IdleQueue implements RequestQueue, DataPort {

    private final ZonedDevice device;
    private final RequestList handedOver = new RequestList();
    private boolean woken;
    private int failures;

    public IdleQueue(FormatOptions options) throws IOException {
        SimulatedDisk image = new SimulatedDisk();
        ImageFormatter.format(image, options);
        device = ZonedDevice.open(new Unwritten(image), () -> woken = true);
        device.begin(DeviceState.unsaved(new DeviceShape(device.geometry(), 4096, 1), new UUID(0, 1)));
    }

    /** Returns when the request has been completed. */
    public void run(BlockRequest request) {
        device.submit(request);
        while (woken) {
            woken = false;
            device.maintain();
            for (BlockRequest next = handedOver.poll(); next != null; next = handedOver.poll()) {
                device.proceed(next);
            }
        }
    }

    /** Returns the number of failed requests. */
    public int failures() {
        return failures;
    }

    @Override
    public DataPort dataPort() {
        return this;
    }

    @Override
    public void completed(BlockRequest request, int result) {
        failures += result < 0 ? 1 : 0;
    }

    @Override
    public void handOver(BlockRequest request) {
        handedOver.add(request);
    }

    @Override
    public int readPart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        return length;
    }

    @Override
    public int writePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        return length;
    }

    @Override
    public int comparePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        throw new AssertionError("no server died");
    }

    @Override
    public int erasePart(long imageOffset, int length) {
        return length;
    }

    @Override
    public int readImage(long imageOffset, byte[] target) {
        return target.length;
    }

    @Override
    public int zeroPart(BlockRequest request, int requestOffset, int length) {
        return length;
    }

    private record Unwritten(ImageFile file) implements ForwardingImageFile {

        @Override
        public long sizeBytes() throws IOException {
            return file.sizeBytes();
        }

        @Override
        public void read(MemorySegment target, long offsetBytes) throws IOException {
            file.read(target, offsetBytes);
        }

        @Override
        public void write(MemorySegment source, long offsetBytes) {}

        @Override
        public void write(MemorySegment source, long lengthBytes, long offsetBytes) {}

        @Override
        public void sync(Barrier barrier) {}

        @Override
        public void punchHole(long offsetBytes, long lengthBytes) {}

        @Override
        public void setSize(long sizeBytes) {}
    }
}
