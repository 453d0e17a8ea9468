package io.ublkzoned.engine;

/**
 * The way of request data to and from the image: one instance per queue, called on that queue's thread only, under no
 * lock. On the data path: implementations neither wait for a disk nor allocate.
 *
 * <p>A call names a part of a request, not memory: the implementation may copy through a buffer or let the kernel move
 * the request's own pages. Each call returns how the part ended: the bytes moved, all of the part, or -errno. If the part
 * is still under way it returns {@link #PENDING}; then {@link ZonedDevice#partCompleted} follows on the same thread, after
 * the call has returned. A call that throws has failed its part.
 */
public interface DataPort {

    /** The part is under way. */
    int PENDING = Integer.MIN_VALUE;

    /**
     * Fills {@code lengthBytes} of the request, from {@code requestOffsetBytes}, with the image's bytes at
     * {@code imageOffsetBytes}. Bytes past the end of the image file are zeros.
     */
    int readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /** Writes that part of the request to the image; a short write is an error. */
    int writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /**
     * Compares that part of the request with the image. Returns {@code lengthBytes} if they are the same, 0 if they differ,
     * -errno if that cannot be told. The one call that may block and allocate, since only requests that the kernel sends
     * again are compared.
     */
    int comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /** Fills that part of the request with zeros; the image is not touched. */
    int zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes);
}
