package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A device whose server died: its image was not closed, and its state file knows what was acknowledged since the last
 * flush.
 */
public final class DeadDevice {

    private DeadDevice() {}

    /**
     * What the driver says of a device that waits for a new server.
     *
     * @throws IOException with a sentence, if it does not
     */
    static DeviceInfo requireWaiting(UblkControl control, int id) throws IOException {
        DeviceInfo info = control.info(id);
        if (!new RunDirectory(id).exists()) {
            throw new IOException("there is no device %d of ublk-zoned: see ublk-zoned list".formatted(id));
        }
        if (info == null || !(info.isLive() || info.isWaiting())) {
            throw new IOException(
                    "device %d is dead and cannot be recovered, since it was added with --recovery off or never became live: 'ublk-zoned del %1$d' closes its image"
                            .formatted(id));
        }
        if (info.isLive()) {
            throw new IOException("device %d is live, pid %d serves it".formatted(id, info.serverPid()));
        }
        return info;
    }

    /** Whether a device that exists waits for a new server; asked of it, nothing would answer. Only root is told so. */
    public static boolean isWaiting(int id) throws IOException {
        if (!Files.isWritable(Path.of(UblkCommands.CONTROL_DEVICE_PATH))) {
            return false;
        }
        try (UblkControl control = UblkControl.open()) {
            DeviceInfo info = control.info(id);
            return info != null && info.isWaiting();
        }
    }

    /**
     * Refuses an image that has acknowledged data beside it.
     *
     * @throws IOException with a sentence, if the image is that of a device whose server died
     */
    public static void requireNone(Path image) throws IOException {
        OptionalInt id = RunDirectory.deviceOf(image);
        if (id.isPresent() && hasState(new RunDirectory(id.getAsInt()))) {
            throw new IOException(
                    "%s is that of device %d, whose server died: 'ublk-zoned recover %2$d' goes on with it, 'ublk-zoned del %2$d' closes it"
                            .formatted(image, id.getAsInt()));
        }
    }

    private static boolean hasState(RunDirectory directory) throws IOException {
        try (StateFile state = StateFile.open(directory.stateFile())) {
            return DeviceState.load(state.memory())
                    .filter(DeviceState::wasBegun)
                    .isPresent();
        }
    }

    /**
     * Closes the image of a device that the kernel no longer has, with all that its server had acknowledged.
     *
     * @throws IOException if that failed: image and state are as they were
     */
    public static void closeImage(RunDirectory directory) throws IOException {
        if (!Files.exists(directory.image())) {
            return;
        }
        try (FileDescriptor image = LockedImage.openOfDead(directory.image());
                StateFile stateFile = StateFile.open(directory.stateFile())) {
            FdImageFile file = new FdImageFile(image);
            Optional<DeviceState> state = DeviceState.load(stateFile.memory());
            if (state.isPresent() && Qcow2Image.open(file, Access.READ_ONLY).isDirty()) {
                ZonedDevice device = ZonedDevice.reopen(file, state.get(), ImageIdentities.of(image), () -> {});
                device.begin(state.get());
                device.close();
            }
        }
    }
}
