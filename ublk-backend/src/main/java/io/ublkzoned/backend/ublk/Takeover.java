package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.StateException;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The image of a device whose server died, opened with all writes that the server had acknowledged. The state belongs
 * to this one image, so any other file is refused. A refused file and the state stay unchanged.
 *
 * <p>Used by one thread.
 */
final class Takeover implements Closeable {

    private final Teardown teardown = new Teardown();
    private final DeviceState state;
    private final AttachedImage image;
    private final ZonedDevice device;

    /**
     * Opens the image, recovers it, and marks it as in use.
     *
     * @param elsewhere the current path of the image, null if it is at its old path
     * @throws IOException with a sentence for the user
     */
    Takeover(int id, @Nullable Path elsewhere, Runnable metadataWakeUp) throws IOException {
        RunDirectory directory = new RunDirectory(id);
        Path path = elsewhere == null ? directory.image() : elsewhere;
        try {
            StateFile stateFile = StateFile.open(directory.stateFile());
            teardown.add(stateFile);
            state = DeviceState.load(stateFile.memory()).orElseThrow();
            if (elsewhere == null) {
                requireSameFile(path, id);
            }
            image = AttachedImage.openOfDead(path, directory.cacheMode());
            teardown.add(image);
            ImageIdentity found = ImageIdentities.of(image.data());
            if (elsewhere == null && !state.image().isSameFile(found)) {
                throw refusal(id, path, "it was replaced");
            }
            OverlappedSyncs file = new OverlappedSyncs(new FdImageFile(image.metadata()));
            teardown.add(file);
            device = ZonedDevice.reopen(file, state, found, metadataWakeUp);
            device.begin(state);
            directory.setImage(image.realPath());
        } catch (StateException | ImageFormatException e) {
            teardown.runAfter(e);
            throw refusal(id, path, String.valueOf(e.getMessage()));
        } catch (IOException | RuntimeException | Error e) {
            teardown.runAfter(e);
            throw e;
        }
    }

    /** Checks the file before it is opened, because another file may have the name now. */
    private void requireSameFile(Path path, int id) throws IOException {
        if (Files.notExists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw refusal(id, path, "it is not there any more");
        }
        if (!state.image().isSameFile(ImageIdentities.of(path))) {
            throw refusal(id, path, "that is another file now");
        }
    }

    private static IOException refusal(int id, Path path, String reason) {
        return new IOException(
                "%s is not taken for the image of device %d: %s; name the image with --image PATH, or discard writes that were acknowledged and not flushed with 'ublk-zoned del --discard %2$d'"
                        .formatted(path, id, reason));
    }

    DeviceState state() {
        return state;
    }

    AttachedImage image() {
        return image;
    }

    ZonedDevice device() {
        return device;
    }

    /** Closes the file. Does not mark the image as closed. */
    @Override
    public void close() throws IOException {
        teardown.run();
    }
}
