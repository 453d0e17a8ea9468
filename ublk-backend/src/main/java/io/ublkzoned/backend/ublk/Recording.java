package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.LogFile;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.writelog.LogHeader;
import io.ublkzoned.engine.writelog.LogWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The recording of a device into a write log. Closed after the device. Used by one thread. */
final class Recording implements Closeable {

    private final LogFile file;
    private final LogWriter log;

    private Recording(LogFile file, LogWriter log) {
        this.file = file;
        this.log = log;
    }

    /**
     * Begins to record a device that has just been opened.
     *
     * @throws IOException with a sentence for the user
     */
    static Recording begin(Path path, ZonedDevice device, AttachedImage image, int blockBytes) throws IOException {
        LogFile file = LogFile.create(path);
        try {
            LogHeader header = new LogHeader(blockBytes, 0, Optional.of(device.geometry()), device.isEmpty());
            LogWriter log = LogWriter.begin(file.file(), header);
            device.record(log, new FdImageFile(image.metadata()));
            return new Recording(file, log);
        } catch (IOException | RuntimeException | Error e) {
            file.discard();
            throw e;
        }
    }

    /** Removes the log of a device that did not come up. */
    void discard() throws IOException {
        file.discard();
    }

    /** Closes the log. If that fails, the device is closed all the same. */
    @Override
    public void close() {
        try {
            log.close();
        } catch (IOException e) {
            ServerLog.LOG.error("the log {} may not be on the disk", file.path(), e);
        }
        file.close();
    }
}
