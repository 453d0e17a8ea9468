package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Path;

/** An image that is locked and open without a block device, while a command changes it. One thread uses it. */
public final class DetachedDevice implements AutoCloseable {

    private final Teardown teardown = new Teardown();
    private final OfflineDevice device;

    /**
     * Opens an image.
     *
     * @throws IOException with a sentence if the image is in use or cannot be written to
     */
    public DetachedDevice(Path path) throws IOException {
        this(path, DeviceGeometry.SECTOR_BYTES); // the smallest block possible
    }

    /**
     * Opens an image for writes in blocks of this size.
     *
     * @throws IOException with a sentence if the image is in use or cannot be written to
     */
    public DetachedDevice(Path path, int blockBytes) throws IOException {
        try {
            FileDescriptor image = LockedImage.open(path);
            teardown.add(image);
            DeadDevice.requireNone(path, image);
            device = OfflineDevice.open(new FdImageFile(image), blockBytes, ImageIdentities.newAttachId());
            teardown.add(device);
        } catch (IOException | RuntimeException | Error e) {
            teardown.runAfter(e);
            throw e;
        }
    }

    /** Returns the device in the image. */
    public OfflineDevice device() {
        return device;
    }

    /** Closes the image. */
    @Override
    public void close() throws IOException {
        teardown.run();
    }
}
