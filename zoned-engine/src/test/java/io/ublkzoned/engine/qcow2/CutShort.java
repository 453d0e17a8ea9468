package io.ublkzoned.engine.qcow2;

import java.io.IOException;

/** A file whose user fails at a sync, as if the process had died there. Earlier writes are in the file. */
record CutShort(ImageFile file, Barrier last) implements ForwardingImageFile {

    @Override
    public void sync(Barrier barrier) throws IOException {
        if (barrier == last) {
            throw new IOException("cut short");
        }
        file.sync(barrier);
    }
}
