package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** An image that is open without a block device, while a command changes its zones. One thread uses it. */
public final class DetachedDevice implements RequestQueue, AutoCloseable {

    private static final int BLOCK_BYTES = DeviceGeometry.SECTOR_BYTES; // the smallest possible

    private final Teardown teardown = new Teardown();
    private final ZonedDevice device;
    private final LinkedBlockingQueue<BlockRequest> handedOver = new LinkedBlockingQueue<>();
    private int result;
    private boolean completed;

    /**
     * Opens an image.
     *
     * @throws IOException with a sentence if the image is in use or cannot be written to
     */
    public DetachedDevice(Path path) throws IOException {
        try {
            FileDescriptor image = LockedImage.open(path);
            teardown.add(image);
            DeadDevice.requireNone(path, image);
            MetadataThread metadata = new MetadataThread();
            device = ZonedDevice.open(new FdImageFile(image), metadata::wakeUp);
            device.begin(DeviceState.unsaved(
                    new DeviceShape(device.geometry(), BLOCK_BYTES, 1), ImageIdentities.newAttachId()));
            teardown.add(device);
            metadata.start(device);
            teardown.add(metadata);
        } catch (IOException | RuntimeException | Error e) {
            teardown.runAfter(e);
            throw e;
        }
    }

    public DeviceGeometry geometry() {
        return device.geometry();
    }

    /**
     * Resets or finishes a zone.
     *
     * @return 0 or -errno
     */
    public int run(BlockOp op, int zone) {
        BlockRequest request = new BlockRequest(this, 0, 0);
        request.set(op, device.geometry().zoneStart(zone), 0, false);
        completed = false;
        device.submit(request);
        while (!completed) {
            device.proceed(Uninterruptibles.take(handedOver));
        }
        return result;
    }

    /** Changes the condition of zones as {@link ControlClient#changeCondition} does. */
    public void changeCondition(int first, int count, @Nullable ZoneCondition condition) throws IOException {
        Throwable failure = device.changeCondition(first, count, condition)
                .handle((done, thrown) -> Optional.ofNullable(thrown))
                .join()
                .orElse(null);
        if (failure != null) {
            throw new IOException(failure.getMessage(), failure);
        }
    }

    @Override
    public DataPort dataPort() {
        throw new IllegalStateException("changes of zones move no data");
    }

    @Override
    public void completed(BlockRequest request, int result) {
        this.result = result;
        completed = true;
    }

    @Override
    public void handOver(BlockRequest request) {
        handedOver.add(request);
    }

    /** Closes the image. */
    @Override
    public void close() throws IOException {
        teardown.run();
    }
}
