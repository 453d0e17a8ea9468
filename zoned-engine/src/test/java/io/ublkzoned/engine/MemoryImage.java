package io.ublkzoned.engine;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An image file in memory, sparse, which knows what has been synced: {@link #cutPower} takes it back to there. It keeps a
 * record of all calls, and lets a test make calls fail.
 */
final class MemoryImage implements ImageFile {

    /** What was done to the file; the data calls come from the {@link FakePort}s. */
    enum Call {
        READ,
        WRITE,
        DATA_READ,
        DATA_WRITE,
        PUNCH,
        SET_SIZE,
        SYNC
    }

    record Event(Call call, long offset, long length) {}

    /** Decides whether a call fails. */
    @FunctionalInterface
    interface Faults {
        /** Returns 0, or the errno that the call fails with, undone. */
        int errno(Call call, long offset, long length);
    }

    private static final int PAGE_SHIFT = 12;
    private static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    private final NavigableMap<Long, byte[]> pages = new TreeMap<>();
    private final Map<Long, byte @Nullable []> beforeLastSync = new HashMap<>();
    private long size;
    private long syncedSize;

    final List<Event> events = new ArrayList<>();
    private Faults faults = (call, offset, length) -> 0;

    /** The same file, as if everything in it had been synced. */
    MemoryImage copy() {
        MemoryImage copy = new MemoryImage();
        copy.copyFrom(this);
        return copy;
    }

    /** Makes this empty file the same as another one. */
    void copyFrom(MemoryImage other) {
        other.pages.forEach((page, bytes) -> pages.put(page, bytes.clone()));
        size = other.size;
        syncedSize = size;
    }

    void failWhere(Faults newFaults) {
        faults = newFaults;
    }

    void failNothing() {
        faults = (call, offset, length) -> 0;
    }

    /** Forgets everything that was not synced, and what calls were made. */
    void cutPower() {
        beforeLastSync.forEach((page, bytes) -> {
            if (bytes == null) {
                pages.remove(page);
            } else {
                pages.put(page, bytes);
            }
        });
        beforeLastSync.clear();
        size = syncedSize;
        events.clear();
    }

    /** How many bytes of the file are not holes, in whole pages. */
    long allocatedBytes() {
        return (long) pages.size() << PAGE_SHIFT;
    }

    boolean isHole(long offset, long length) {
        for (long page = offset >>> PAGE_SHIFT; page << PAGE_SHIFT < offset + length; page++) {
            if (pages.containsKey(page)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public long sizeBytes() {
        return size;
    }

    @Override
    public void read(MemorySegment target, long offset) throws IOException {
        called(Call.READ, offset, target.byteSize());
        if (offset + target.byteSize() > size) {
            throw new EOFException();
        }
        byte[] bytes = new byte[(int) target.byteSize()];
        copyOut(offset, bytes, 0, bytes.length);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, target, 0, bytes.length);
    }

    @Override
    public long nextData(long offset) {
        Long page = pages.ceilingKey(offset >>> PAGE_SHIFT);
        return page == null ? Math.max(offset, size) : Math.max(offset, page << PAGE_SHIFT);
    }

    @Override
    public void write(MemorySegment source, long offset) throws IOException {
        called(Call.WRITE, offset, source.byteSize());
        byte[] bytes = new byte[(int) source.byteSize()];
        MemorySegment.copy(source, 0, MemorySegment.ofArray(bytes), 0, bytes.length);
        copyIn(offset, bytes, 0, bytes.length);
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        called(Call.SYNC, 0, 0);
        beforeLastSync.clear();
        syncedSize = size;
    }

    @Override
    public void punchHole(long offset, long length) throws IOException {
        called(Call.PUNCH, offset, length);
        long end = Math.min(offset + length, size);
        if (end <= offset) {
            return;
        }
        for (long page : List.copyOf(pages.subMap(offset >>> PAGE_SHIFT, true, (end - 1) >>> PAGE_SHIFT, true)
                .keySet())) {
            int from = (int) Math.max(0, offset - (page << PAGE_SHIFT));
            int to = (int) Math.min(PAGE_BYTES, end - (page << PAGE_SHIFT));
            if (to - from == PAGE_BYTES) {
                rememberPage(page);
                pages.remove(page);
            } else {
                Arrays.fill(pageToChange(page), from, to, (byte) 0);
            }
        }
    }

    @Override
    public void setSize(long newSize) throws IOException {
        called(Call.SET_SIZE, newSize, 0);
        if (newSize < size) {
            for (long page : List.copyOf(pages.tailMap((newSize + PAGE_BYTES - 1) >>> PAGE_SHIFT, true)
                    .keySet())) {
                rememberPage(page);
                pages.remove(page);
            }
        }
        size = newSize;
    }

    /** A data port's read: bytes past the end of the file are zeros. */
    void readData(long offset, byte[] target, int at, int length) {
        events.add(new Event(Call.DATA_READ, offset, length));
        copyOut(offset, target, at, length);
    }

    /** A data port's write. */
    void writeData(long offset, byte[] source, int at, int length) {
        events.add(new Event(Call.DATA_WRITE, offset, length));
        copyIn(offset, source, at, length);
    }

    /** Looks into the file; no call of the engine. */
    byte[] peek(long offset, int length) {
        byte[] bytes = new byte[length];
        copyOut(offset, bytes, 0, length);
        return bytes;
    }

    private void called(Call call, long offset, long length) throws ImageIoException {
        int errno = faults.errno(call, offset, length);
        if (errno != 0) {
            throw new ImageIoException("made to fail: " + call + " at " + offset, errno);
        }
        events.add(new Event(call, offset, length));
    }

    private void copyOut(long offset, byte[] target, int at, int length) {
        int done = 0;
        while (done < length) {
            int inPage = (int) ((offset + done) & (PAGE_BYTES - 1));
            int part = Math.min(length - done, PAGE_BYTES - inPage);
            byte[] page = pages.get((offset + done) >>> PAGE_SHIFT);
            if (page == null) {
                Arrays.fill(target, at + done, at + done + part, (byte) 0);
            } else {
                System.arraycopy(page, inPage, target, at + done, part);
            }
            done += part;
        }
    }

    private void copyIn(long offset, byte[] source, int at, int length) {
        int done = 0;
        while (done < length) {
            int inPage = (int) ((offset + done) & (PAGE_BYTES - 1));
            int part = Math.min(length - done, PAGE_BYTES - inPage);
            System.arraycopy(source, at + done, pageToChange((offset + done) >>> PAGE_SHIFT), inPage, part);
            done += part;
        }
        size = Math.max(size, offset + length);
    }

    private byte[] pageToChange(long page) {
        rememberPage(page);
        return pages.computeIfAbsent(page, p -> new byte[PAGE_BYTES]);
    }

    private void rememberPage(long page) {
        if (!beforeLastSync.containsKey(page)) {
            byte[] bytes = pages.get(page);
            beforeLastSync.put(page, bytes == null ? null : bytes.clone());
        }
    }
}
