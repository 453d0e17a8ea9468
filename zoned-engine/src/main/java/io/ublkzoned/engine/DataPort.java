package io.ublkzoned.engine;

/**
 * Moves request data between a request and the image: one instance per queue, called on that queue's thread only,
 * under no lock. On the data path: implementations neither wait for a disk nor allocate.
 *
 * <p>A call names a part of a request, not memory: the implementation may copy through a buffer or let the kernel move
 * the request's own pages. Each call is answered by exactly one {@link ZonedDevice#partCompleted} on the same thread,
 * before the call returns or later, or it throws, and the part has failed.
 */
public interface DataPort {

    /**
     * Fills {@code lengthBytes} of the request, from {@code requestOffsetBytes}, with the image's bytes at
     * {@code imageOffsetBytes}. Bytes past the end of the image file are zeros.
     */
    void readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /** Writes that part of the request to the image; a short write is an error. */
    void writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /**
     * Compares that part of the request with the image: the result is {@code lengthBytes} if they are the same, 0 if they
     * differ, -errno if that cannot be told. The one call that may block and allocate, since it is asked of requests that
     * the kernel sends again.
     */
    void comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /** Fills that part of the request with zeros; the image is not touched. */
    void zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes);
}
