package io.ublkzoned.backend.ublk;

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
 * Requests that may proceed, on their way back to the queue's thread, which an eventfd wakes where it waits for its ring.
 *
 * <p>On the data path. Made and used by the queue's thread, but for {@link #add} and {@link #wakeUp}, which any may call.
 */
final class Inbox implements AutoCloseable {

    private final Thread thread = Thread.currentThread();
    private final SubmissionQueue submissions;
    private final long userData;
    private final FileDescriptor wakeUp;
    private final MemorySegment wakeUpCount;
    private final RequestList requests = new RequestList(); // guarded by itself

    /**
     * @param submissions of the queue's ring
     * @param arena lives as long as the ring
     * @param userData of a wake-up's completion, after which {@link #await} has to follow
     */
    Inbox(SubmissionQueue submissions, Arena arena, long userData) throws LinuxException {
        this.submissions = submissions;
        this.userData = userData;
        wakeUp = FileDescriptor.eventfd();
        wakeUpCount = arena.allocate(ValueLayout.JAVA_LONG);
    }

    /** What is added from now on completes an operation of the ring. */
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

    /** Completes the operation of {@link #await}. Called by any thread, before {@link #close}. */
    void wakeUp() {
        Libc.eventfdIncrement(wakeUp.value());
    }

    /** Lets all requests that are here proceed, and those that come while they do. */
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

    /** After the ring's close. */
    @Override
    public void close() {
        wakeUp.close();
    }
}
