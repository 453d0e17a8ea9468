package io.ublkzoned.engine;

/** The queue that a request came from. Through it the engine reaches the thread that owns the request. */
public interface RequestQueue {

    /** Returns the port that moves the data of this queue's requests. Used on the queue's thread only. */
    DataPort dataPort();

    /**
     * Completes a request, which may then be reused. Called on the queue's thread, without a lock.
     *
     * @param result the bytes transferred (0 for an operation without data), or -errno
     */
    void completed(BlockRequest request, int result);

    /**
     * Makes the queue call {@link ZonedDevice#proceed} with the request soon, on the queue's own thread. Called on any
     * thread, possibly under the device's lock, so it must not call the device itself. The queue owns the request's
     * link until it calls {@link ZonedDevice#proceed}.
     */
    void handOver(BlockRequest request);
}
