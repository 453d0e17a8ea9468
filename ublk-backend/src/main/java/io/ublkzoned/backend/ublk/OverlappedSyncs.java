package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ForwardingImageFile;
import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.Closeable;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An image file whose syncs run on another thread, so that the metadata thread can do other work meanwhile. A sync takes
 * as long as a disk needs to write everything, and the first request to a zone must not wait for that.
 *
 * <p>One thread at a time calls it. Any thread that has work for that thread unparks it. A sync allocates nothing.
 */
final class OverlappedSyncs implements ForwardingImageFile, Closeable {

    private final ImageFile file;
    private final Thread thread = Thread.ofPlatform().name("ublk-sync").unstarted(this::run);
    private volatile boolean stopping;

    // True from a request until its sync is done. The caller sets it after the fields below; the thread of the syncs
    // clears
    // it after setting the failure.
    private volatile boolean syncing;
    private @Nullable Barrier barrier;
    private @Nullable Thread caller;
    private @Nullable IOException failure;

    /** Starts the thread. It is an I/O flusher if the calling thread is one. */
    OverlappedSyncs(ImageFile file) {
        this.file = file;
        thread.start();
    }

    @Override
    public ImageFile file() {
        return file;
    }

    /**
     * Syncs on the calling thread. If this is called during another sync, it first waits for that one, which need not
     * cover the latest writes, and fails if it failed: the kernel reports a failure only once.
     */
    @Override
    public void sync(Barrier newBarrier) throws IOException {
        awaitEnd();
        requireSuccess();
        file.sync(newBarrier);
    }

    @Override
    public void sync(Barrier newBarrier, Runnable meanwhile) throws IOException {
        barrier = newBarrier;
        caller = Thread.currentThread();
        failure = null;
        syncing = true;
        LockSupport.unpark(thread);
        try {
            meanwhile.run();
            while (syncing) {
                LockSupport.park(this);
                meanwhile.run();
            }
        } finally {
            awaitEnd(); // also if the other work threw
        }
        requireSuccess();
    }

    private void awaitEnd() {
        while (syncing) {
            LockSupport.park(this);
        }
    }

    private void requireSuccess() throws IOException {
        if (failure != null) {
            throw failure;
        }
    }

    private void run() {
        while (!stopping) {
            if (syncing && barrier != null) {
                failure = syncAndGetFailure(barrier);
                syncing = false;
                LockSupport.unpark(caller);
            } else {
                LockSupport.park(this);
            }
        }
    }

    private @Nullable IOException syncAndGetFailure(Barrier current) {
        try {
            file.sync(current);
            return null;
        } catch (IOException e) {
            return e;
        } catch (RuntimeException | Error e) {
            return new IOException("the sync failed because of a bug", e);
        }
    }

    /** Ends the thread. No sync may be in progress. */
    @Override
    public void close() {
        stopping = true;
        LockSupport.unpark(thread);
        Uninterruptibles.join(thread);
    }
}
