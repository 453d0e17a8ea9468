package io.ublkzoned.backend.ublk;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.uring.SubmissionQueue;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.RequestList;
import io.ublkzoned.engine.ZonedDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The requests that may proceed, handed back to the thread of their queue. An eventfd wakes that thread while it waits
 * for its ring.
 *
 * <p>On the data path. The thread of the queue makes and uses it; any thread may call {@link #add} and {@link #wakeUp}.
 */
final class Inbox implements AutoCloseable {

    private final Thread thread = Thread.currentThread();
    private final SubmissionQueue submissions;
    private final long userData;
    private final FileDescriptor wakeUp;
    private final MemorySegment wakeUpCount;

    @GuardedBy("requests")
    private final RequestList requests = new RequestList();

    /**
     * Makes an empty inbox for the calling thread.
     *
     * @param submissions of the ring of the queue
     * @param arena lives as long as the ring
     * @param userData of the completion of a wake-up, after which {@link #await} must be called again
     */
    Inbox(SubmissionQueue submissions, Arena arena, long userData) throws LinuxException {
        this.submissions = submissions;
        this.userData = userData;
        wakeUp = FileDescriptor.eventfd();
        wakeUpCount = arena.allocate(ValueLayout.JAVA_LONG);
    }

    /** Queues an operation that completes at the next {@link #wakeUp}. */
    void await() {
        submissions.read(wakeUp.value(), wakeUpCount.address(), Long.BYTES, 0, userData, 0);
    }

    void add(BlockRequest request) {
        boolean wasEmpty;
        synchronized (requests) {
            wasEmpty = requests.isEmpty();
            requests.add(request);
        }
        if (wasEmpty && !thread.equals(Thread.currentThread())) {
            wakeUp();
        }
    }

    /** Completes the operation of {@link #await}. Any thread may call it before {@link #close}. */
    void wakeUp() {
        Libc.eventfdIncrement(wakeUp.value());
    }

    /** Lets all waiting requests proceed, including those that are added during the call. */
    void drainTo(ZonedDevice device) {
        while (true) {
            BlockRequest request;
            synchronized (requests) {
                request = requests.poll();
            }
            if (request == null) {
                return;
            }
            device.proceed(request);
        }
    }

    /** Closes the eventfd. Call it after the ring is closed. */
    @Override
    public void close() {
        wakeUp.close();
    }
}
