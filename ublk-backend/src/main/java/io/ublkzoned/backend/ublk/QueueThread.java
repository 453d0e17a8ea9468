package io.ublkzoned.backend.ublk;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** The platform thread of one queue. It makes the queue, serves it until the device stops, and closes it. */
final class QueueThread {

    private final Thread thread;
    private final CompletableFuture<@Nullable Void> fetched = new CompletableFuture<>();

    @GuardedBy("this")
    private boolean leaving;

    @GuardedBy("this")
    private @Nullable UblkQueue serving;

    QueueThread(int queueId, ServedDevice device, FileDescriptor deviceFile, RequestStatistics statistics) {
        thread = Thread.ofPlatform()
                .name("ublk" + device.info().id() + "-q" + queueId)
                .start(() -> serve(queueId, device, deviceFile, statistics));
    }

    private void serve(int queueId, ServedDevice device, FileDescriptor deviceFile, RequestStatistics statistics) {
        try (UblkQueue queue = new UblkQueue(queueId, device, deviceFile, statistics)) {
            queue.fetchAll();
            setServing(queue);
            fetched.complete(null);
            queue.run();
            setServing(null);
        } catch (IOException | RuntimeException | Error e) {
            if (!fetched.completeExceptionally(e)) {
                // Otherwise the kernel would wait forever for this queue. Another server can take over the device.
                ServerLog.LOG.error(
                        "queue {} of device {} has ended because of a bug: the server ends too",
                        queueId,
                        device.info().id(),
                        e);
                Runtime.getRuntime().halt(1);
            }
        }
    }

    private synchronized void setServing(@Nullable UblkQueue queue) {
        serving = queue;
        if (leaving && queue != null) {
            queue.leave();
        }
    }

    /**
     * Tells the queue to complete the requests that it has begun and then to end, even if the kernel sends more. Any
     * thread may call this. Does not wait.
     */
    synchronized void leave() {
        leaving = true;
        if (serving != null) {
            serving.leave();
        }
    }

    /** Waits until all tags of the queue have been fetched. */
    void awaitFetched() throws IOException {
        try {
            fetched.get();
        } catch (ExecutionException e) {
            throw new IOException("a queue could not be set up: " + e.getCause(), e);
        } catch (InterruptedException e) {
            throw new IOException("interrupted while setting up the queues", e);
        }
    }

    void join() {
        Uninterruptibles.join(thread);
    }
}
