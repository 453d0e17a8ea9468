package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.ZonedDevice;
import java.io.Closeable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The thread of the metadata I/O of a device. It sleeps until the engine wakes it, and then lets the engine do all
 * pending work.
 */
final class MetadataThread implements Closeable {

    private final AtomicBoolean work = new AtomicBoolean();
    private volatile boolean stopping;
    private @Nullable Thread thread;

    MetadataThread() {}

    void start(ZonedDevice device) {
        thread = Thread.ofPlatform().name("ublk-metadata").unstarted(() -> run(device));
        thread.start();
    }

    private void run(ZonedDevice device) {
        while (!stopping) {
            while (!work.getAndSet(false)) {
                LockSupport.park(this);
            }
            try {
                device.maintain();
            } catch (RuntimeException | Error e) {
                // Otherwise requests would wait forever for this thread. Another server can take over the device.
                ServerLog.LOG.error("metadata work failed because of a bug: the server ends", e);
                Runtime.getRuntime().halt(1);
            }
        }
    }

    /** Wakes the thread. Any thread may call this, under any lock. */
    void wakeUp() {
        work.set(true);
        LockSupport.unpark(thread);
    }

    /** Ends the thread after its current work, and waits for its end. */
    @Override
    public void close() {
        stopping = true;
        wakeUp();
        if (thread != null) {
            Uninterruptibles.join(thread);
        }
    }
}
