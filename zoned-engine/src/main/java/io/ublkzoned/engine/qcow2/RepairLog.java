package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/** Is told of everything that a repair changes, so that it can be undone by hand. */
@FunctionalInterface
public interface RepairLog {

    /**
     * Eight bytes of the file are about to change. They do so after {@link #flush} only.
     *
     * @param offsetBytes where in the file, a multiple of 8
     * @param oldWord what is there, as a big-endian number
     * @param newWord what is going to be there
     */
    void change(long offsetBytes, long oldWord, long newWord) throws IOException;

    /** What was told is about to be written. */
    default void flush() throws IOException {}
}
