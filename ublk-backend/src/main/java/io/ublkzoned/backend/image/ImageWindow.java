package io.ublkzoned.backend.image;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.linux.Libc;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A mapped window of an image. It remembers which of its pages are in the page cache; those can be copied without waiting
 * for a disk. The kernel is asked about 64 pages at a time, and again when its answer is four seconds old. A page that
 * was evicted meanwhile makes a copy wait, which is rare: the kernel evicts the least recently used pages first.
 *
 * <p>On the data path. Several queues use it without a lock. If two queues race, the kernel is asked once more, or data
 * move by calls.
 */
final class ImageWindow {

    static final int SHIFT = 30;
    static final long BYTES = 1L << SHIFT;

    /** The size of the memory that {@link #isCached} uses: one byte for each page of a block. */
    static final int VECTOR_BYTES = Long.SIZE;

    private static final int PAGE_SHIFT = 12; // x86-64
    private static final int BLOCK_SHIFT = PAGE_SHIFT + 6; // a block's pages fit in one word
    private static final int BLOCK_BYTES = 1 << BLOCK_SHIFT;
    private static final int BLOCKS = 1 << (SHIFT - BLOCK_SHIFT);
    private static final int TICK_SHIFT = 32; // 4.3 s
    private static final int NEVER = -1;
    private static final long LOWEST_BITS = 0x0101_0101_0101_0101L;

    private final long number;
    private final long address;
    private final long[] cachedPages;
    private final int[] checkedAt;

    /** Describes a window, and the address at which it is mapped, or 0 if it cannot be mapped. */
    ImageWindow(long number, long address) {
        this.number = number;
        this.address = address;
        int blocks = address == 0 ? 0 : BLOCKS;
        cachedPages = new long[blocks];
        checkedAt = new int[blocks];
        Arrays.fill(checkedAt, NEVER);
    }

    /** Returns the offset of the window in the image, in windows. */
    long number() {
        return number;
    }

    boolean isMapped() {
        return address != 0;
    }

    /** Returns the address of an offset in the image that lies in this window. */
    long address(long offsetBytes) {
        return address + inWindow(offsetBytes);
    }

    private static long inWindow(long offsetBytes) {
        return offsetBytes & (BYTES - 1);
    }

    /** Returns whether a part of the image that starts in this window also ends in it. */
    boolean contains(long offsetBytes, int lengthBytes) {
        return inWindow(offsetBytes) + lengthBytes <= BYTES;
    }

    /**
     * Returns whether all pages of a part were in the page cache a few seconds ago.
     *
     * @param offsetBytes in the image; the part lies in this window
     * @param vector {@link #VECTOR_BYTES} of native memory, for this call to use
     */
    boolean isCached(long offsetBytes, int lengthBytes, MemorySegment vector) {
        int tick = (int) (System.nanoTime() >>> TICK_SHIFT);
        long end = inWindow(offsetBytes) + lengthBytes;
        long at = inWindow(offsetBytes);
        while (at < end) {
            int block = (int) (at >>> BLOCK_SHIFT);
            long next = Math.min(end, (long) (block + 1) << BLOCK_SHIFT);
            if (checkedAt[block] != tick) {
                check(block, vector);
                checkedAt[block] = tick;
            }
            long pages = pages(at, next);
            if ((cachedPages[block] & pages) != pages) {
                return false;
            }
            at = next;
        }
        return true;
    }

    /** Returns a word with the bits of the pages of a part of one block. */
    private static long pages(long from, long end) {
        int first = (int) (from >>> PAGE_SHIFT) & (Long.SIZE - 1);
        int last = (int) ((end - 1) >>> PAGE_SHIFT) & (Long.SIZE - 1);
        return -1L >>> (Long.SIZE - 1 - last + first) << first;
    }

    private void check(int block, MemorySegment vector) {
        long pages = 0;
        if (Libc.mincore(address + ((long) block << BLOCK_SHIFT), BLOCK_BYTES, vector.address()) == 0) {
            for (int i = Long.BYTES - 1; i >= 0; i--) {
                pages = pages << Byte.SIZE | Long.compress(vector.getAtIndex(JAVA_LONG, i), LOWEST_BITS);
            }
        }
        cachedPages[block] = pages;
    }
}
