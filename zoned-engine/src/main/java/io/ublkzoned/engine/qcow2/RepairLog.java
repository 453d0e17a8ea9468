package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/** A log of all changes of a repair, so that they can be undone by hand. */
@FunctionalInterface
public interface RepairLog {

    /**
     * Logs a change of eight bytes of the file. They change only after {@link #flush}.
     *
     * @param offsetBytes the offset in the file, a multiple of 8
     * @param oldWord the current content, as a big-endian number
     * @param newWord the new content, as a big-endian number
     */
    void change(long offsetBytes, long oldWord, long newWord) throws IOException;

    /** Flushes the log, because the logged changes are about to be written. */
    default void flush() throws IOException {}
}
