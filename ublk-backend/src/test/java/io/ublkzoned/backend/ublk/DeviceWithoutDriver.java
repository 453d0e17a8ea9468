package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.uring.RingFeatures;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;

/**
 * A device without a block device: engine, image, ring and metadata thread are those of a server. One thread makes it,
 * calls {@link #run} and closes it. Answers to commands are those of a server, and any thread may ask.
 */
public final class DeviceWithoutDriver implements Closeable {

    private static final int DEPTH = 4;
    private static final int BUFFER_BYTES = 1 << 20;

    private final AttachedImage image;
    private final FileDescriptor requestData;
    private final MetadataThread metadata = new MetadataThread();
    private final ZonedDevice device;
    private final StoreQueue queue;
    private final DeviceControl control;

    /** Makes a device with a new image in this folder. Where io_uring is missing, it ends the test as skipped. */
    public DeviceWithoutDriver(Path folder, FormatOptions options) throws IOException {
        RingFeatures ring = RingFeatures.ofThisKernel();
        assumeTrue(ring.available(), () -> "SKIPPED: " + ring.unavailableReason());
        Path path = folder.resolve("disk.qcow2");
        int flags = FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_TRUNC;
        try (FileDescriptor file = FileDescriptor.open(path.toString(), flags, 0600)) {
            ImageFormatter.format(new FdImageFile(file), options);
        }
        Path driver = folder.resolve("driver");
        try (RandomAccessFile file = new RandomAccessFile(driver.toFile(), "rw")) {
            file.setLength(1L << 40); // offsets in it are those of /dev/ublkcN
        }
        image = AttachedImage.open(path, CacheMode.WRITEBACK);
        requestData = FileDescriptor.open(driver.toString(), FileFlags.O_RDWR);
        device = ZonedDevice.open(new FdImageFile(image.metadata()), metadata::wakeUp);
        device.begin(
                DeviceState.unsaved(new DeviceShape(device.geometry(), 4096, DEPTH), ImageIdentities.newAttachId()));
        metadata.start(device);
        queue = new StoreQueue(device, image, requestData, DEPTH, BUFFER_BYTES);
        control = new DeviceControl(device, List.of(queue.statistics()));
    }

    /** Carries out one request, which must succeed. */
    public void run(BlockOp op, long offsetBytes, int lengthBytes) {
        queue.run(1, request -> request.set(op, offsetBytes, lengthBytes, false));
    }

    public DeviceActivity activity() throws IOException {
        return DeviceActivity.parse(answer(DeviceControl.ACTIVITY));
    }

    public ZoneSnapshot zones() throws IOException {
        return ZoneSnapshot.parse(answer(DeviceControl.ZONES));
    }

    public String history(int zone) throws IOException {
        return answer(DeviceControl.HISTORY + " " + zone);
    }

    private String answer(String command) throws IOException {
        String answer = control.answer(command);
        if (!answer.startsWith(DeviceControl.DONE)) {
            throw new IOException(answer);
        }
        return answer.substring(DeviceControl.DONE.length());
    }

    @Override
    public void close() throws IOException {
        queue.close();
        metadata.close();
        device.close();
        requestData.close();
        image.close();
    }
}
