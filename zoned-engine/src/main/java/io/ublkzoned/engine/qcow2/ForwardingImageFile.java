package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** An image file that passes each call to another one, except those that the implementation replaces. */
public interface ForwardingImageFile extends ImageFile {

    /** Returns the file that receives the calls. */
    ImageFile file();

    @Override
    default long sizeBytes() throws IOException {
        return file().sizeBytes();
    }

    @Override
    default void read(MemorySegment target, long offsetBytes) throws IOException {
        file().read(target, offsetBytes);
    }

    @Override
    default long nextData(long offsetBytes) throws IOException {
        return file().nextData(offsetBytes);
    }

    @Override
    default long nextHole(long offsetBytes) throws IOException {
        return file().nextHole(offsetBytes);
    }

    @Override
    default int blockBytes() throws IOException {
        return file().blockBytes();
    }

    @Override
    default void write(MemorySegment source, long offsetBytes) throws IOException {
        file().write(source, offsetBytes);
    }

    @Override
    default void sync(Barrier barrier) throws IOException {
        file().sync(barrier);
    }

    @Override
    default void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        file().punchHole(offsetBytes, lengthBytes);
    }

    @Override
    default void setSize(long sizeBytes) throws IOException {
        file().setSize(sizeBytes);
    }

    @Override
    default void discardCache() throws IOException {
        file().discardCache();
    }
}
