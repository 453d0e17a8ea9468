package io.ublkzoned.engine;

import static io.ublkzoned.engine.zone.DeviceGeometry.SECTOR_BYTES;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * The journal of conventional zones: the contents that blocks had before the writes that were not flushed. A power cut
 * brings them back. The journal is in memory, and is empty unless a power cut is expected.
 *
 * <p>A queue's thread saves blocks before it overwrites them. The metadata thread reports flushes. The methods take the
 * device's lock, unless they say that the caller holds it.
 */
final class OverwriteJournal {

    private static final int CHUNK_BYTES = 64 << 10;
    private static final long NOTHING_UNSAVED = -1;

    /** The old contents of a block, or of a part of it if its clusters are apart. */
    private static final class OldBlock {
        private final long imageOffsetBytes;
        private final byte[] contents;

        private OldBlock(long imageOffsetBytes, byte[] contents) {
            this.imageOffsetBytes = imageOffsetBytes;
            this.contents = contents;
        }
    }

    private final Object lock;
    private final long bytesMax;

    /** The blocks overwritten since the last flush began, by device address. */
    @GuardedBy("lock")
    private TreeMap<Long, OldBlock> current = new TreeMap<>();

    /** The blocks overwritten before the flush in progress began. Older contents of the same block are here. */
    @GuardedBy("lock")
    private TreeMap<Long, OldBlock> flushing = new TreeMap<>();

    @GuardedBy("lock")
    private long savedBytes;

    /** The number of flushes that have begun. */
    @GuardedBy("lock")
    private long flushes;

    @GuardedBy("lock")
    private boolean on;

    /**
     * @param lock the device's lock
     * @param bytesMax the maximum number of saved bytes, to within a block
     */
    OverwriteJournal(Object lock, long bytesMax) {
        this.lock = lock;
        this.bytesMax = bytesMax;
    }

    /** Begins to save blocks, or drops all of them and saves no more. The caller holds the lock. */
    @SuppressWarnings("GuardedBy") // asserted
    void switchOn(boolean newOn) {
        assert Thread.holdsLock(lock);
        on = newOn;
        if (!newOn) {
            current.clear();
            flushing.clear();
            savedBytes = 0;
        }
    }

    /** Returns whether writes that start now must be saved. The caller holds the lock. */
    @SuppressWarnings("GuardedBy") // asserted
    boolean isOn() {
        assert Thread.holdsLock(lock);
        return on;
    }

    /**
     * Saves the blocks that a part of a write is about to overwrite, unless that has been done since the last flush began.
     * Blocks on the image. A block that cannot be read is not saved.
     *
     * @param blockBytes the logical block size of the device
     */
    void save(BlockRequest write, int requestOffset, long imageOffset, int length, int blockBytes) {
        DataPort port = write.queue().dataPort();
        for (int at = 0; at < length; at += CHUNK_BYTES) {
            int chunk = Math.min(CHUNK_BYTES, length - at);
            saveChunk(port, write.offsetBytes() + requestOffset + at, imageOffset + at, chunk, blockBytes);
        }
    }

    private void saveChunk(DataPort port, long address, long imageOffset, int length, int blockBytes) {
        long before = flushesIfUnsaved(address, length, blockBytes);
        if (before == NOTHING_UNSAVED) {
            return;
        }
        byte[] contents = new byte[length];
        if (port.readImage(imageOffset, contents) == length) {
            synchronized (lock) {
                // What was read before a flush may not be what the flush made durable.
                int size = 0;
                for (int at = 0; at < length && flushes == before; at += size) {
                    size = blockLength(address + at, length - at, blockBytes);
                    add(address + at, imageOffset + at, Arrays.copyOfRange(contents, at, at + size));
                }
            }
        }
    }

    /** Returns the number of flushes if a block is not saved yet. */
    private long flushesIfUnsaved(long address, int length, int blockBytes) {
        synchronized (lock) {
            boolean found = false;
            for (int at = 0; at < length; at += blockLength(address + at, length - at, blockBytes)) {
                found |= !current.containsKey(address + at);
            }
            return found && on && savedBytes < bytesMax ? flushes : NOTHING_UNSAVED;
        }
    }

    private static int blockLength(long address, int lengthMax, int blockBytes) {
        return (int) Math.min(lengthMax, blockBytes - address % blockBytes);
    }

    @GuardedBy("lock")
    private void add(long address, long imageOffset, byte[] contents) {
        if (on && savedBytes < bytesMax && current.putIfAbsent(address, new OldBlock(imageOffset, contents)) == null) {
            savedBytes += contents.length;
        }
    }

    /** Records that a flush begins, after its requests were taken. */
    void flushBegins() {
        synchronized (lock) {
            assert flushing.isEmpty() : "two flushes at once";
            TreeMap<Long, OldBlock> empty = flushing;
            flushes++;
            flushing = current;
            current = empty;
        }
    }

    /** Records that the flush has ended, before its requests complete. If it succeeded, its blocks are durable. */
    void flushEnds(boolean succeeded) {
        synchronized (lock) {
            if (flushing.isEmpty()) {
                return;
            }
            for (Map.Entry<Long, OldBlock> each : flushing.entrySet()) {
                OldBlock dropped = succeeded ? each.getValue() : current.put(each.getKey(), each.getValue());
                savedBytes -= dropped == null ? 0 : dropped.contents.length;
            }
            flushing.clear();
        }
    }

    /**
     * Brings back what a power cut leaves of the saved blocks, in the image, in the order of their addresses. No write to
     * them may be in flight. Blocks; durable after the next sync.
     */
    void restore(PowerCut cut, ImageFile file) throws IOException {
        SplittableRandom random = cut.random().split();
        for (OldBlock block : takeAll()) {
            int keptBytes = cut.survivingSectors(random, block.contents.length / SECTOR_BYTES) * SECTOR_BYTES;
            if (keptBytes < block.contents.length) {
                MemorySegment lost = MemorySegment.ofArray(block.contents).asSlice(keptBytes);
                file.write(lost, block.imageOffsetBytes + keptBytes);
            }
        }
    }

    private Iterable<OldBlock> takeAll() {
        synchronized (lock) {
            assert flushing.isEmpty() : "a flush is in progress";
            TreeMap<Long, OldBlock> taken = current;
            current = new TreeMap<>();
            savedBytes = 0;
            return taken.values();
        }
    }
}
