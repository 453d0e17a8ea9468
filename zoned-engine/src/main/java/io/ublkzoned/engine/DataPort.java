package io.ublkzoned.engine;

/**
 * The transfer of request data to and from the image. Each queue has one instance, and calls it only on its own thread,
 * without a lock. It belongs to the data path: implementations neither wait for a disk nor allocate.
 *
 * <p>A call names a part of a request, not memory. The implementation may copy through a buffer, or let the kernel move
 * the request's own pages. Each call returns the result of the part: the bytes moved, which are all of the part, or
 * -errno. If the part is still in flight it returns {@link #PENDING}; {@link ZonedDevice#partCompleted} then follows on
 * the same thread, after the call has returned. A part whose call throws has failed.
 */
public interface DataPort {

    /** The result of a call whose part is still in flight. */
    int PENDING = Integer.MIN_VALUE;

    /**
     * Fills {@code lengthBytes} of the request, from {@code requestOffsetBytes}, with the image's bytes at
     * {@code imageOffsetBytes}. Bytes past the end of the image file are zeros.
     */
    int readPart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /** Writes the same part of the request to the image. A short write is an error. */
    int writePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /**
     * Compares the part of the request with the image. Returns {@code lengthBytes} if they are equal, 0 if they differ,
     * and -errno if the comparison fails. It may block and allocate, because only requests that the kernel sends again
     * are compared.
     */
    int comparePart(BlockRequest request, int requestOffsetBytes, long imageOffsetBytes, int lengthBytes);

    /**
     * Makes a part of the image read as zeros, because a fault lost the data that belongs there. Like
     * {@link #comparePart}, it may block.
     */
    int erasePart(long imageOffsetBytes, int lengthBytes);

    /**
     * Fills {@code target} with the image's bytes from {@code imageOffsetBytes}, because a power cut may bring them back.
     * Bytes past the end of the image file are zeros. Returns the bytes read, which are all, or -errno. Like
     * {@link #comparePart}, it may block and allocate.
     */
    int readImage(long imageOffsetBytes, byte[] target);

    /** Fills the part of the request with zeros, without access to the image. */
    int zeroPart(BlockRequest request, int requestOffsetBytes, int lengthBytes);
}
