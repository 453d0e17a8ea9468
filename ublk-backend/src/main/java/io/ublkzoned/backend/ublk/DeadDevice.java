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
 * A device whose server died. Its image was not closed, and its state file holds the writes acknowledged since the last
 * flush.
 */
public final class DeadDevice {

    private static final long DEATH_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private DeadDevice() {}

    /**
     * Returns the information of the driver about a device that waits for a new server.
     *
     * @throws IOException with a sentence if the device does not wait
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

    /**
     * Returns whether an existing device waits for a new server, and so answers no request. Only root can ask the
     * driver; for another user the result is false.
     */
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
     * Refuses an image if a state file holds a part of its acknowledged data.
     *
     * @param image open and locked, so that no living server uses it
     * @throws IOException with a sentence if the image is that of a device whose server died
     */
    public static void requireNone(Path path, FileDescriptor image) throws IOException {
        requireNone(path, find(image));
    }

    /** Refuses such an image by its path. Accepts a path to a file that does not exist or cannot be read. */
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
     * Finds the device without a server that has this image: the same file under any name. If the stored path of the
     * image now leads to another file, a file with the same attach id counts too.
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
     * Finds the device as {@link #find} does, for a caller that resumes it at once. Waits until a dying server has
     * ended and the kernel has noticed.
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

    /** Returns whether the server had begun to serve. Closing the image then needs the state. */
    private static boolean hasState(RunDirectory directory) throws IOException {
        return directory.state().filter(DeviceState::wasBegun).isPresent();
    }

    /**
     * Deletes the device, and closes its image with all writes that its server had acknowledged.
     *
     * @param elsewhere the current path of the image, null if it is at its old path
     * @throws IOException with a sentence if that is not possible; the device, the image and the state are then
     *     unchanged, except that the device is gone if only closing the image failed
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

    /**
     * Deletes the device, and discards writes that were acknowledged and not flushed. The image is recovered when it is
     * next opened.
     */
    public static void discard(UblkControl control, int id) throws IOException {
        control.stop(id);
        control.delete(id);
        new RunDirectory(id).remove();
    }
}
