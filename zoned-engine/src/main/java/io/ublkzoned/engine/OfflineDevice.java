package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A zoned device on an image that no kernel sees. Each operation blocks until it is done. One thread uses it, and is the
 * device's queue and its metadata thread.
 *
 * <p>The operations return 0 or -errno, as {@link BlockErrors} has them.
 */
public final class OfflineDevice implements Closeable {

    private final ImageFile image;
    private final ZonedDevice device;
    private final Queue queue = new Queue();

    private OfflineDevice(ImageFile image) throws IOException {
        this.image = image;
        device = ZonedDevice.open(image, () -> {});
    }

    /**
     * Opens an image, and first recovers it if it was not closed.
     *
     * @param blockBytes the logical block size
     * @param attachId a new random number
     */
    public static OfflineDevice open(ImageFile image, int blockBytes, UUID attachId) throws IOException {
        OfflineDevice opened = new OfflineDevice(image);
        opened.device.begin(DeviceState.unsaved(new DeviceShape(opened.geometry(), blockBytes, 1), attachId));
        return opened;
    }

    public DeviceGeometry geometry() {
        return device.geometry();
    }

    /** Writes data, which the caller keeps. */
    public int write(long startBytes, MemorySegment data) {
        return queue.run(BlockOp.WRITE, startBytes, data);
    }

    public int read(long startBytes, MemorySegment target) {
        return queue.run(BlockOp.READ, startBytes, target);
    }

    /** Carries out an operation on a zone that moves no data. */
    public int run(BlockOp op, int zone) {
        return queue.run(op, geometry().zoneStart(zone), MemorySegment.NULL);
    }

    /**
     * Changes the condition of zones as {@link ZonedDevice#changeCondition} does.
     *
     * @throws IOException with a sentence for the user
     */
    public void changeCondition(int first, int count, @Nullable ZoneCondition condition) throws IOException {
        CompletableFuture<?> change = device.changeCondition(first, count, condition);
        device.maintain();
        if (change.isCompletedExceptionally()) {
            Throwable failure = change.exceptionNow();
            throw new IOException(failure.getMessage(), failure);
        }
    }

    /** Reports zones as {@link ZonedDevice#report} does. */
    public void report(int first, int count, ZoneVisitor visitor) {
        device.report(first, count, visitor);
    }

    /** Closes the image, with everything in it durable. */
    @Override
    public void close() throws IOException {
        device.close();
    }

    /** A queue of one request, and the transfer of its data. */
    private final class Queue implements RequestQueue, DataPort {

        private final BlockRequest request = new BlockRequest(this, 0, 0);
        private MemorySegment data = MemorySegment.NULL;
        private boolean handedOver;
        private boolean done;
        private int result;

        int run(BlockOp op, long offsetBytes, MemorySegment requestData) {
            data = requestData;
            done = false;
            request.set(op, offsetBytes, Math.toIntExact(requestData.byteSize()), false);
            device.submit(request);
            while (!done) {
                device.maintain();
                if (!handedOver) {
                    throw new IllegalStateException(op + " never ends");
                }
                handedOver = false;
                device.proceed(request);
            }
            return Math.min(result, 0);
        }

        @Override
        public DataPort dataPort() {
            return this;
        }

        @Override
        public void completed(BlockRequest completed, int requestResult) {
            done = true;
            result = requestResult;
        }

        @Override
        public void handOver(BlockRequest waiting) {
            handedOver = true;
        }

        @Override
        public int readPart(BlockRequest part, int requestOffset, long imageOffset, int length) {
            MemorySegment target = data.asSlice(requestOffset, length);
            try {
                long inFile = Math.clamp(image.sizeBytes() - imageOffset, 0, length);
                if (inFile > 0) {
                    image.read(target.asSlice(0, inFile), imageOffset);
                }
                target.asSlice(inFile).fill((byte) 0);
                return length;
            } catch (IOException e) {
                return errorOf(e);
            }
        }

        @Override
        public int writePart(BlockRequest part, int requestOffset, long imageOffset, int length) {
            try {
                image.write(data.asSlice(requestOffset, length), imageOffset);
                return length;
            } catch (IOException e) {
                return errorOf(e);
            }
        }

        @Override
        public int zeroPart(BlockRequest part, int requestOffset, int length) {
            data.asSlice(requestOffset, length).fill((byte) 0);
            return length;
        }

        @Override
        public int comparePart(BlockRequest part, int requestOffset, long imageOffset, int length) {
            throw new IllegalStateException("no request is sent again");
        }

        @Override
        public int readImage(long imageOffset, byte[] target) {
            throw new IllegalStateException("no power cut is expected");
        }

        @Override
        public int erasePart(long imageOffset, int length) {
            throw new IllegalStateException("the device has no faults");
        }

        private static int errorOf(IOException e) {
            return -(e instanceof ImageIoException failed ? failed.errno() : BlockErrors.EIO);
        }
    }
}
