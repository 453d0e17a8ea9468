package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The image file as metadata code uses it: blocking calls that transfer a {@link MemorySegment}.
 *
 * <p>The thread that opens, maintains or checks an image calls it. Queue threads never do: request data uses
 * {@code DataPort}. A call either transfers everything or throws. An {@link ImageIoException} carries the errno.
 */
public interface ImageFile {

    /** Returns the length of the file in bytes. */
    long sizeBytes() throws IOException;

    /**
     * Fills {@code target} from {@code offsetBytes}.
     *
     * @throws java.io.EOFException if the file ends before the target is full
     */
    void read(MemorySegment target, long offsetBytes) throws IOException;

    /**
     * Finds the first offset at or after {@code offsetBytes} that may hold a byte other than zero, so that holes need
     * not be read. Returns the file's length, or more, if no such offset exists. A file without knowledge of its holes
     * returns {@code offsetBytes}.
     */
    default long nextData(long offsetBytes) throws IOException {
        return offsetBytes;
    }

    /**
     * Finds the first offset at or after {@code offsetBytes} that lies in a hole; the end of the file counts as one. A
     * file without knowledge of its holes has none before its end.
     */
    default long nextHole(long offsetBytes) throws IOException {
        return Math.max(offsetBytes, sizeBytes());
    }

    /** Returns the size in bytes of the smallest hole that {@link #nextHole} can find: a block of the file system. */
    default int blockBytes() throws IOException {
        return 4096;
    }

    /** Writes all of {@code source} at {@code offsetBytes}, extending the file if necessary. */
    void write(MemorySegment source, long offsetBytes) throws IOException;

    /** Writes the first {@code lengthBytes} of {@code source}, like {@link #write(MemorySegment, long)}. */
    default void write(MemorySegment source, long lengthBytes, long offsetBytes) throws IOException {
        write(source.asSlice(0, lengthBytes), offsetBytes);
    }

    /**
     * Waits until everything written before, through this file or a {@code DataPort} of the image, is on stable
     * storage.
     *
     * @param barrier the reason for the sync
     */
    void sync(Barrier barrier) throws IOException;

    /**
     * Syncs like {@link #sync(Barrier)}. A file whose sync takes long calls {@code meanwhile} on this thread, any number
     * of times, when there may be other work. The sync need not cover what {@code meanwhile} writes. It may call {@link
     * #sync(Barrier)}, which covers everything written before.
     */
    default void sync(Barrier barrier, Runnable meanwhile) throws IOException {
        sync(barrier);
    }

    /**
     * Makes the range read as zeros and frees its space where the file system can. Durable after the next
     * {@link #sync}. The length of the file does not change.
     */
    void punchHole(long offsetBytes, long lengthBytes) throws IOException;

    /** Sets the file's length; new bytes are a hole. */
    void setSize(long sizeBytes) throws IOException;

    /**
     * Discards the host's cache of the file, so that later reads return the contents of stable storage. The two can
     * differ after a failed sync. First writes everything that can still be written. A file without a cache does
     * nothing.
     */
    default void discardCache() throws IOException {}
}
