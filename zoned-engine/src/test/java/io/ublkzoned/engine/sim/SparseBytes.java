package io.ublkzoned.engine.sim;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A sparse file in memory that can revert to its state at the last mark. */
final class SparseBytes {

    private static final int PAGE_SHIFT = 12;
    private static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    private final NavigableMap<Long, byte[]> pages = new TreeMap<>();
    private final Map<Long, byte @Nullable []> markedPages = new HashMap<>();
    private long size;
    private long markedSize;

    // The range that hashes ignore; within one page.
    private long ignoredOffset;
    private int ignoredBytes;

    long size() {
        return size;
    }

    /** Marks the current state as the one that {@link #goBack} restores. */
    void mark() {
        markedPages.clear();
        markedSize = size;
    }

    void goBack() {
        markedPages.forEach((page, bytes) -> {
            if (bytes == null) {
                pages.remove(page);
            } else {
                pages.put(page, bytes);
            }
        });
        markedPages.clear();
        size = markedSize;
    }

    /** Excludes this range from all hashes of this file and its copies from now on. */
    void ignoreInHashes(long offset, int length) {
        ignoredOffset = offset;
        ignoredBytes = length;
    }

    boolean isIgnored(long offset) {
        return offset >= ignoredOffset && offset < ignoredOffset + ignoredBytes;
    }

    /** Copies another file, which is marked, to this empty one. */
    void copyFrom(SparseBytes other) {
        ignoreInHashes(other.ignoredOffset, other.ignoredBytes);
        other.pages.forEach((page, bytes) -> pages.put(page, bytes.clone()));
        size = other.size;
        mark();
    }

    /** Copies another file with its mark to this empty one. */
    void forkFrom(SparseBytes other) {
        copyFrom(other);
        other.markedPages.forEach((page, bytes) -> markedPages.put(page, bytes == null ? null : bytes.clone()));
        markedSize = other.markedSize;
    }

    /** Replaces this file with another one, and marks it there. */
    void replaceBy(SparseBytes other) {
        clear();
        copyFrom(other);
    }

    void clear() {
        pages.clear();
        markedPages.clear();
        size = 0;
        markedSize = 0;
    }

    boolean sameBytes(SparseBytes other) {
        return size == other.size && pagesAreIn(other) && other.pagesAreIn(this);
    }

    private boolean pagesAreIn(SparseBytes other) {
        for (Map.Entry<Long, byte[]> page : pages.entrySet()) {
            byte[] bytes = other.pages.get(page.getKey());
            if (bytes == null ? !isZero(page.getValue()) : !Arrays.equals(bytes, page.getValue())) {
                return false;
            }
        }
        return true;
    }

    /** Returns a hash of the file's contents. */
    long contentHash() {
        long hash = size;
        for (Map.Entry<Long, byte[]> page : pages.entrySet()) {
            if (!isZero(page.getValue())) {
                hash += pageHash(page.getKey(), page.getValue());
            }
        }
        return Trace.mix(hash);
    }

    /** Returns a hash of the contents at the mark, as far as they differ. */
    long markedHash() {
        long hash = markedSize;
        for (Map.Entry<Long, byte @Nullable []> page : markedPages.entrySet()) {
            byte[] bytes = page.getValue();
            hash += bytes == null ? page.getKey() : pageHash(page.getKey(), bytes);
        }
        return Trace.mix(hash);
    }

    private long pageHash(long page, byte[] content) {
        byte[] bytes = content;
        if (ignoredBytes > 0 && page == ignoredOffset >>> PAGE_SHIFT) {
            int from = (int) (ignoredOffset & (PAGE_BYTES - 1));
            bytes = content.clone();
            Arrays.fill(bytes, from, from + ignoredBytes, (byte) 0);
        }
        return Trace.mix(page + ((long) Arrays.hashCode(bytes) << Integer.SIZE) + TestData.wordAt(bytes, 0));
    }

    private static boolean isZero(byte[] page) {
        return page[0] == 0 && Arrays.mismatch(page, 0, PAGE_BYTES - 1, page, 1, PAGE_BYTES) == -1;
    }

    /** Returns whether the pages of a range contain only zeros. */
    boolean isZero(long offset, long end) {
        for (byte[] bytes : pagesOf(offset, end).values()) {
            if (!isZero(bytes)) {
                return false;
            }
        }
        return true;
    }

    /** Returns whether the range takes no memory. */
    boolean isHole(long offset, long end) {
        return pagesOf(offset, end).isEmpty();
    }

    private NavigableMap<Long, byte[]> pagesOf(long offset, long end) {
        return pages.subMap(offset >>> PAGE_SHIFT, true, (end - 1) >>> PAGE_SHIFT, true);
    }

    /** Returns the number of bytes of the file that are not holes, in whole pages. */
    long allocatedBytes() {
        return (long) pages.size() << PAGE_SHIFT;
    }

    /** Returns the first place from {@code offset} that is not a hole, or the end of the file. */
    long nextData(long offset) {
        Long page = pages.ceilingKey(offset >>> PAGE_SHIFT);
        return page == null ? Math.max(offset, size) : Math.max(offset, page << PAGE_SHIFT);
    }

    /** Returns the first place from {@code offset} that is in a hole, or the end of the file. */
    long nextHole(long offset) {
        long page = offset >>> PAGE_SHIFT;
        while (pages.containsKey(page)) {
            page++;
        }
        return Math.max(offset, Math.min(size, page << PAGE_SHIFT));
    }

    /** Reads bytes; those past the end are zeros. */
    void read(long offset, MemorySegment target) {
        long done = 0;
        while (done < target.byteSize()) {
            int inPage = (int) ((offset + done) & (PAGE_BYTES - 1));
            int part = (int) Math.min(target.byteSize() - done, PAGE_BYTES - inPage);
            byte[] page = pages.get((offset + done) >>> PAGE_SHIFT);
            if (page == null) {
                target.asSlice(done, part).fill((byte) 0);
            } else {
                MemorySegment.copy(page, inPage, target, ValueLayout.JAVA_BYTE, done, part);
            }
            done += part;
        }
    }

    void write(long offset, byte[] source, int at, int length) {
        int done = 0;
        while (done < length) {
            int inPage = (int) ((offset + done) & (PAGE_BYTES - 1));
            int part = Math.min(length - done, PAGE_BYTES - inPage);
            System.arraycopy(source, at + done, pageToChange((offset + done) >>> PAGE_SHIFT), inPage, part);
            done += part;
        }
        size = Math.max(size, offset + length);
    }

    /** Makes a hole without changing the size. */
    void zero(long offset, long end) {
        if (end <= offset) {
            return;
        }
        for (long page : List.copyOf(pagesOf(offset, end).keySet())) {
            int from = (int) Math.max(0, offset - (page << PAGE_SHIFT));
            int to = (int) Math.min(PAGE_BYTES, end - (page << PAGE_SHIFT));
            if (to - from == PAGE_BYTES) {
                remember(page);
                pages.remove(page);
            } else {
                Arrays.fill(pageToChange(page), from, to, (byte) 0);
            }
        }
    }

    void resize(long newSize) {
        zero(newSize, size);
        size = newSize;
    }

    private byte[] pageToChange(long page) {
        remember(page);
        byte[] bytes = pages.get(page);
        if (bytes == null) {
            bytes = new byte[PAGE_BYTES];
            pages.put(page, bytes);
        }
        return bytes;
    }

    private void remember(long page) {
        if (!markedPages.containsKey(page)) {
            byte[] bytes = pages.get(page);
            markedPages.put(page, bytes == null ? null : bytes.clone());
        }
    }
}
