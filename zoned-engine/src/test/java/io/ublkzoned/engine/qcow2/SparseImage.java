package io.ublkzoned.engine.qcow2;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** An image in memory, of any length, that takes memory only for nonzero data. It counts its calls. */
final class SparseImage implements ImageFile {

    private static final int PAGE = 4096;

    private final NavigableMap<Long, byte[]> pages = new TreeMap<>();
    private long size;

    long bytesRead;
    int writes;
    int syncs;
    /** The number of writes before one fails; negative for never. */
    int writesUntilFailure = -1;

    SparseImage copy() {
        SparseImage copy = new SparseImage();
        pages.forEach((page, bytes) -> copy.pages.put(page, bytes.clone()));
        copy.size = size;
        return copy;
    }

    boolean sameBytes(SparseImage other) {
        if (size != other.size) {
            return false;
        }
        for (Map<Long, byte[]> some : List.of(pages, other.pages)) {
            for (Long page : some.keySet()) {
                if (!Arrays.equals(page(page), other.page(page))) {
                    return false;
                }
            }
        }
        return true;
    }

    private byte[] page(long page) {
        return pages.getOrDefault(page, new byte[PAGE]);
    }

    @Override
    public long sizeBytes() {
        return size;
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        if (offsetBytes < 0 || offsetBytes + target.byteSize() > size) {
            throw new EOFException("read of %d at %d of %d".formatted(target.byteSize(), offsetBytes, size));
        }
        bytesRead += target.byteSize();
        long done = 0;
        while (done < target.byteSize()) {
            long at = offsetBytes + done;
            int within = (int) (at % PAGE);
            long count = Math.min(PAGE - within, target.byteSize() - done);
            byte[] page = pages.get(at / PAGE);
            MemorySegment part = target.asSlice(done, count);
            if (page == null) {
                part.fill((byte) 0);
            } else {
                part.copyFrom(MemorySegment.ofArray(page).asSlice(within, count));
            }
            done += count;
        }
    }

    @Override
    public long nextData(long offsetBytes) {
        Long page = pages.ceilingKey(offsetBytes / PAGE);
        return page == null ? Math.max(offsetBytes, size) : Math.max(offsetBytes, page * PAGE);
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        if (writesUntilFailure == 0) {
            throw new IOException("no more writes");
        }
        writesUntilFailure--;
        writes++;
        long done = 0;
        while (done < source.byteSize()) {
            long at = offsetBytes + done;
            int within = (int) (at % PAGE);
            long count = Math.min(PAGE - within, source.byteSize() - done);
            byte[] page = pages.computeIfAbsent(at / PAGE, key -> new byte[PAGE]);
            MemorySegment.ofArray(page).asSlice(within, count).copyFrom(source.asSlice(done, count));
            done += count;
        }
        size = Math.max(size, offsetBytes + source.byteSize());
    }

    @Override
    public void sync(Barrier barrier) {
        syncs++;
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        long end = Math.min(size, offsetBytes + lengthBytes);
        long firstWhole = (offsetBytes + PAGE - 1) / PAGE * PAGE;
        long endWhole = end / PAGE * PAGE;
        if (firstWhole >= endWhole) {
            writeZeros(offsetBytes, end);
            return;
        }
        writeZeros(offsetBytes, firstWhole);
        pages.subMap(firstWhole / PAGE, endWhole / PAGE).clear();
        writeZeros(endWhole, end);
    }

    private void writeZeros(long from, long to) throws IOException {
        if (to > from) {
            write(MemorySegment.ofArray(new byte[(int) (to - from)]), from);
        }
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        if (sizeBytes < size) {
            pages.keySet().removeIf(page -> page * PAGE >= sizeBytes);
            int within = (int) (sizeBytes % PAGE);
            byte[] last = pages.get(sizeBytes / PAGE);
            if (last != null) {
                Arrays.fill(last, within, PAGE, (byte) 0);
            }
        }
        size = sizeBytes;
    }

    byte[] bytes(long offset, int count) throws IOException {
        byte[] bytes = new byte[count];
        read(MemorySegment.ofArray(bytes), offset);
        return bytes;
    }

    long getLong(long offset) throws IOException {
        return MemorySegment.ofArray(bytes(offset, 8)).get(BigEndian.LONG, 0);
    }

    int getInt(long offset) throws IOException {
        return MemorySegment.ofArray(bytes(offset, 4)).get(BigEndian.INT, 0);
    }

    SparseImage putLong(long offset, long value) throws IOException {
        return putBytes(offset, MemorySegment.ofArray(new long[] {Long.reverseBytes(value)}));
    }

    SparseImage putInt(long offset, int value) throws IOException {
        return putBytes(offset, MemorySegment.ofArray(new int[] {Integer.reverseBytes(value)}));
    }

    SparseImage putByte(long offset, int value) throws IOException {
        return putBytes(offset, MemorySegment.ofArray(new byte[] {(byte) value}));
    }

    private SparseImage putBytes(long offset, MemorySegment bytes) throws IOException {
        writesUntilFailure = -1;
        write(bytes, offset);
        return this;
    }
}
