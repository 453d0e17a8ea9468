package io.ublkzoned.engine;

/** The queue that a request came from: the engine's way back to the thread that owns it. */
public interface RequestQueue {

    /** Moves the data of this queue's requests; used on the queue's thread only. */
    DataPort dataPort();

    /**
     * The request is finished and may be reused. Called on the queue's thread, under no lock.
     *
     * @param result the bytes transferred (0 for an operation without data), or -errno
     */
    void completed(BlockRequest request, int result);

    /**
     * Asks the queue to call {@link ZonedDevice#proceed} with the request on its own thread, soon. Called on any
     * thread, possibly under the device's lock: it must not call the device itself. The request's link is the queue's
     * until the queue does so.
     */
    void handOver(BlockRequest request);
}
