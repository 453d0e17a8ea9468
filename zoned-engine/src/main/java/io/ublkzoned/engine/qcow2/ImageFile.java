package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.DataPort;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The image file as the metadata sees it: blocking calls that carry a {@link MemorySegment}.
 *
 * <p>Called by the thread that opens, maintains or checks an image, never by a queue thread: request data goes
 * through {@link DataPort}. Implementations do whole transfers; a call either does all of it or throws. An
 * {@link ImageIoException} carries the errno.
 */
public interface ImageFile {

    /** The file's length in bytes. */
    long sizeBytes() throws IOException;

    /**
     * Fills {@code target} from {@code offsetBytes}.
     *
     * @throws java.io.EOFException if the file ends before the target is full
     */
    void read(MemorySegment target, long offsetBytes) throws IOException;

    /**
     * Finds the first offset at or after {@code offsetBytes} that may hold something else than zeros, so that holes need
     * not be read; the file's length, or more, if there is none. A file that knows nothing of holes answers {@code
     * offsetBytes}.
     */
    default long nextData(long offsetBytes) throws IOException {
        return offsetBytes;
    }

    /**
     * Finds the first offset at or after {@code offsetBytes} that lies in a hole; the end of the file counts as one. A file
     * that knows nothing of holes has none before its end.
     */
    default long nextHole(long offsetBytes) throws IOException {
        return Math.max(offsetBytes, sizeBytes());
    }

    /** The size of the smallest hole that {@link #nextHole} can find, in bytes: a block of the file system. */
    default int blockBytes() throws IOException {
        return 4096;
    }

    /** Writes all of {@code source} at {@code offsetBytes}, extending the file where it ends earlier. */
    void write(MemorySegment source, long offsetBytes) throws IOException;

    /** Writes the first {@code lengthBytes} of {@code source}, as {@link #write(MemorySegment, long)}. */
    default void write(MemorySegment source, long lengthBytes, long offsetBytes) throws IOException {
        write(source.asSlice(0, lengthBytes), offsetBytes);
    }

    /**
     * Returns when everything written before, by this port or a {@link DataPort} of the image, is on stable storage.
     *
     * @param barrier what this is for
     */
    void sync(Barrier barrier) throws IOException;

    /**
     * Makes the range read as zeros and gives its space back where the file system can. Durable after the next
     * {@link #sync}. The length of the file does not change.
     */
    void punchHole(long offsetBytes, long lengthBytes) throws IOException;

    /** Sets the file's length; new bytes are a hole. */
    void setSize(long sizeBytes) throws IOException;

    /**
     * Forgets what the host has cached of the file, so that later reads show what is on stable storage. After a failed sync
     * the two can differ. Writes whatever can still be written first. A file without a cache does nothing.
     */
    default void discardCache() throws IOException {}
}
