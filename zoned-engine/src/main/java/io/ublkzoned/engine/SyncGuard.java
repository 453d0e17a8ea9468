package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Barrier;
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
 * <p>The thread that opens the device uses it, then the metadata thread. Any thread may call {@link #hasFailed}.
 */
final class SyncGuard implements ImageFile {

    private final ImageFile file;
    private @Nullable DeviceState state;
    private volatile boolean failed;

    SyncGuard(ImageFile file) {
        this.file = file;
    }

    /** Makes a failed sync end this state from now on. */
    void protect(DeviceState newState) {
        state = newState;
    }

    /** Returns whether a sync has failed. */
    boolean hasFailed() {
        return failed;
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        if (failed) {
            throw new ImageIoException("an earlier sync of the image failed", BlockErrors.EIO);
        }
        try {
            file.sync(barrier);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failed = true;
            if (state != null) {
                state.end();
            }
            throw e;
        }
    }

    @Override
    public long sizeBytes() throws IOException {
        return file.sizeBytes();
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        file.read(target, offsetBytes);
    }

    @Override
    public long nextData(long offsetBytes) throws IOException {
        return file.nextData(offsetBytes);
    }

    @Override
    public long nextHole(long offsetBytes) throws IOException {
        return file.nextHole(offsetBytes);
    }

    @Override
    public int blockBytes() throws IOException {
        return file.blockBytes();
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        file.write(source, offsetBytes);
    }

    @Override
    public void write(MemorySegment source, long lengthBytes, long offsetBytes) throws IOException {
        file.write(source, lengthBytes, offsetBytes);
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        file.punchHole(offsetBytes, lengthBytes);
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        file.setSize(sizeBytes);
    }

    @Override
    public void discardCache() throws IOException {
        file.discardCache();
    }
}
