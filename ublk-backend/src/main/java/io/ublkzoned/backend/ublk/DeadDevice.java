package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.StateException;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.AttachRecord;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A device whose server died: its image was not closed, and its state file knows what was acknowledged since the last
 * flush.
 */
public final class DeadDevice {

    private static final long DEATH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

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
     * @param image open, and locked, so that no living server has it
     * @throws IOException with a sentence, if the image is that of a device whose server died
     */
    public static void requireNone(Path path, FileDescriptor image) throws IOException {
        requireNone(path, find(image));
    }

    /** The same of what a path leads to, if it leads to a file that can be read. */
    public static void requireNone(Path path) throws IOException {
        requireNone(path, find(path));
    }

    private static void requireNone(Path path, OptionalInt id) throws IOException {
        if (id.isPresent()) {
            throw new IOException(
                    "%s is that of device %d, whose server died: 'ublk-zoned recover %2$d' resumes the device, 'ublk-zoned del %2$d' closes the image; add '--image %1$s' if the image was moved"
                            .formatted(path, id.getAsInt()));
        }
    }

    /**
     * The device without a server whose image this is: the same file, under whatever name; or, if the path of the device's image
     * does not lead to that any more, one of the same attach.
     */
    static OptionalInt find(FileDescriptor image) throws IOException {
        List<Integer> ids = RunDirectory.ids();
        if (ids.isEmpty()) {
            return OptionalInt.empty();
        }
        ImageIdentity found = ImageIdentities.of(image);
        for (int id : ids) {
            RunDirectory directory = new RunDirectory(id);
            if (ServerLock.holder(directory) == null && isImageOf(directory, image, found)) {
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }

    /**
     * As {@link #find}, for one who brings the device back at once: waits until a server that is just dying has ended, and the
     * kernel has seen that.
     */
    static OptionalInt await(UblkControl control, Path path) throws IOException {
        long deadline = System.nanoTime() + DEATH_NANOS;
        OptionalInt id = RunDirectory.deviceOf(path);
        while (id.isPresent() && isDying(control, id.getAsInt()) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(POLL_NANOS);
        }
        return find(path);
    }

    private static OptionalInt find(Path path) throws IOException {
        try (FileDescriptor image = FileDescriptor.open(path.toString(), FileFlags.O_RDONLY | FileFlags.O_NONBLOCK)) {
            return find(image);
        } catch (LinuxException e) {
            return OptionalInt.empty();
        }
    }

    private static boolean isDying(UblkControl control, int id) throws IOException {
        ServerLock.Holder server = ServerLock.holder(new RunDirectory(id));
        DeviceInfo info = control.info(id);
        return server == null ? info != null && info.isLive() : !server.isRunning();
    }

    private static boolean isImageOf(RunDirectory directory, FileDescriptor image, ImageIdentity found)
            throws IOException {
        Optional<DeviceState> left;
        try {
            left = directory.state();
        } catch (StateException e) {
            return directory.isAtItsPath(found);
        }
        if (left.isEmpty() || !left.get().wasBegun()) {
            return false;
        }
        DeviceState state = left.get();
        return state.image().isSameFile(found) || (!directory.isAtItsPath(state.image()) && isOfAttach(state, image));
    }

    private static boolean isOfAttach(DeviceState state, FileDescriptor image) throws IOException {
        try {
            return Qcow2Image.open(new FdImageFile(image), Access.READ_ONLY)
                    .attachRecord()
                    .map(AttachRecord::id)
                    .filter(state.attachId()::equals)
                    .isPresent();
        } catch (ImageFormatException e) {
            return false;
        }
    }

    /** Whether its server had acknowledged anything, so that its state is needed to close the image. */
    private static boolean hasState(RunDirectory directory) throws IOException {
        return directory.state().filter(DeviceState::wasBegun).isPresent();
    }

    /**
     * Deletes the device, and closes its image with all that its server had acknowledged.
     *
     * @param elsewhere where the image is now, null if it is where it was
     * @throws IOException with a sentence, if that is not possible: then the device, the image and the state are as they were
     */
    public static void delete(UblkControl control, int id, @Nullable Path elsewhere) throws IOException {
        RunDirectory directory = new RunDirectory(id);
        if (!hasState(directory)) {
            discard(control, id);
            return;
        }
        try (Takeover takeover = new Takeover(id, elsewhere, () -> {})) {
            control.stop(id);
            control.delete(id);
            close(takeover.device(), id);
        }
        directory.remove();
    }

    private static void close(ZonedDevice device, int id) throws IOException {
        try {
            device.close();
        } catch (IOException e) {
            throw new IOException(
                    "device %d is gone, but its image was not closed: %s; try 'ublk-zoned del %1$d' again"
                            .formatted(id, e.getMessage()),
                    e);
        }
    }

    /** Deletes the device, and gives up what was acknowledged and not flushed. The image is recovered when it is next opened. */
    public static void discard(UblkControl control, int id) throws IOException {
        control.stop(id);
        control.delete(id);
        new RunDirectory(id).remove();
    }
}
