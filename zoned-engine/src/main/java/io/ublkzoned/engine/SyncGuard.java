package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ForwardingImageFile;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.zone.BlockErrors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The image file of a device, with all syncs failing after the first failed one. Data of a failed sync may be lost,
 * although the kernel counts it as written. The saved state also ends with the first failed sync.
 *
 * <p>The thread that opens the device uses it, then the metadata thread.
 */
final class SyncGuard implements ForwardingImageFile {

    private final ImageFile file;
    private @Nullable DeviceState state;
    private boolean failed;

    SyncGuard(ImageFile file) {
        this.file = file;
    }

    /** Makes a failed sync end this state from now on. */
    void protect(DeviceState newState) {
        state = newState;
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        guard(barrier, null);
    }

    @Override
    public void sync(Barrier barrier, Runnable meanwhile) throws IOException {
        guard(barrier, meanwhile);
    }

    private void guard(Barrier barrier, @Nullable Runnable meanwhile) throws IOException {
        requireNoFailure();
        try {
            if (meanwhile == null) {
                file.sync(barrier);
            } else {
                file.sync(barrier, meanwhile);
            }
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failed = true;
            if (state != null) {
                state.end();
            }
            throw e;
        }
        requireNoFailure(); // of two concurrent syncs, the kernel reports a failure to only one
    }

    private void requireNoFailure() throws ImageIoException {
        if (failed) {
            throw new ImageIoException("an earlier sync of the image failed", BlockErrors.EIO);
        }
    }

    /** Forwards the call as it is: a slice of the source would be garbage with each flush. */
    @Override
    public void write(MemorySegment source, long lengthBytes, long offsetBytes) throws IOException {
        file.write(source, lengthBytes, offsetBytes);
    }

    @Override
    public ImageFile file() {
        return file;
    }
}
