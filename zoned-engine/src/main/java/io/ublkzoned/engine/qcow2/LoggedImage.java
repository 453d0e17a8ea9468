package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * An image file that logs the changes of a repair. Every 8-byte word that a write changes goes to the log before it is
 * written. Before the first change the image is durably marked as corrupt. If the repair is interrupted, no one writes
 * to the image until another repair completes.
 */
final class LoggedImage implements ForwardingImageFile {

    private final ImageFile file;
    private final Qcow2Header header;
    private final RepairLog log;
    private boolean changed;

    LoggedImage(ImageFile file, Qcow2Header header, RepairLog log) {
        this.file = file;
        this.header = header;
        this.log = log;
    }

    /** Returns whether anything was written. */
    boolean isChanged() {
        return changed;
    }

    /** Clears the corrupt mark, as the last change of the repair. */
    void unmark() throws IOException {
        changed = true;
        header.writeCorrupt(this, false);
        file.sync(Barrier.UNMARK_BEFORE_REPAIRED);
    }

    private void beforeChange() throws IOException {
        if (!changed) {
            changed = true;
            header.writeCorrupt(this, true);
            file.sync(Barrier.MARK_BEFORE_REPAIR);
        }
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        MemorySegment old = MemorySegment.ofArray(new byte[(int) source.byteSize()]);
        file.read(old, offsetBytes);
        if (old.mismatch(source) == -1) {
            return;
        }
        beforeChange();
        for (long at = 0; at < source.byteSize(); at += Long.BYTES) {
            long oldWord = old.get(BigEndian.LONG, at);
            long newWord = source.get(BigEndian.LONG, at);
            if (oldWord != newWord) {
                log.change(offsetBytes + at, oldWord, newWord);
            }
        }
        log.flush();
        file.write(source, offsetBytes);
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        beforeChange();
        file.punchHole(offsetBytes, lengthBytes);
    }

    @Override
    public void setSize(long sizeBytes) {
        throw new UnsupportedOperationException("a repair does not change the length of the file");
    }

    @Override
    public ImageFile file() {
        return file;
    }
}
