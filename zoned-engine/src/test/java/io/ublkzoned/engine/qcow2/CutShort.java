package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A file whose user fails at a sync, as if the process had died there. Earlier writes are in the file. */
record CutShort(ImageFile file, Barrier last) implements ImageFile {

    @Override
    public void sync(Barrier barrier) throws IOException {
        if (barrier == last) {
            throw new IOException("cut short");
        }
        file.sync(barrier);
    }

    @Override
    public long sizeBytes() throws IOException {
        return file.sizeBytes();
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        file.read(target, offsetBytes);
    }

    @Override
    public long nextData(long offsetBytes) throws IOException {
        return file.nextData(offsetBytes);
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        file.write(source, offsetBytes);
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        file.punchHole(offsetBytes, lengthBytes);
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        file.setSize(sizeBytes);
    }
}
