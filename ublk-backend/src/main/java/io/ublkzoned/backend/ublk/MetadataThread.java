package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.ZonedDevice;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The thread of a device's metadata I/O: sleeps until the engine wakes it, then lets it do all that is pending. */
final class MetadataThread {

    private static final Logger LOG = LoggerFactory.getLogger(MetadataThread.class);

    private final Semaphore work = new Semaphore(0);
    private volatile boolean stopping;
    private @Nullable Thread thread;

    MetadataThread() {}

    void start(ZonedDevice device) {
        thread = Thread.ofPlatform().name("ublk-metadata").start(() -> run(device));
    }

    private void run(ZonedDevice device) {
        while (!stopping) {
            work.acquireUninterruptibly();
            work.drainPermits();
            try {
                device.maintain();
            } catch (RuntimeException | Error e) {
                // The requests that wait for it would do so for ever. Another server can take the device over.
                LOG.error("metadata work failed by a bug: the server ends", e);
                Runtime.getRuntime().halt(1);
            }
        }
    }

    /** Safe from any thread, under any lock. */
    void wakeUp() {
        work.release();
    }

    /** Ends the thread after the work at hand. */
    void stop() {
        stopping = true;
        wakeUp();
        if (thread != null) {
            Uninterruptibles.join(thread);
        }
    }
}
