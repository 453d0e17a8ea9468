package io.ublkzoned.backend.image;

import java.util.Arrays;

/** The transfer of the data of one tag's request: its mode, and its parts in flight. The queue's thread uses it. */
final class Transfer {

    /** The way in which the data of a request move. */
    enum Mode {
        /** By the mapped page cache, or by plain calls through the tag's buffer. */
        CALLS,
        /** By the ring, through the tag's buffer. */
        BUFFER,
        /** By the ring, directly from or to the request's pages. */
        PAGES
    }

    private static final int INITIAL_PARTS = 8;

    Mode mode = Mode.CALLS;
    boolean pagesAreRegistered;

    int[] requestOffset = new int[INITIAL_PARTS];
    int[] length = new int[INITIAL_PARTS];
    long[] imageOffset = new long[INITIAL_PARTS];

    /** The number of bytes of each part that have moved. */
    int[] moved = new int[INITIAL_PARTS];

    /** Whether each part goes through the tag's buffer. */
    boolean[] copied = new boolean[INITIAL_PARTS];

    private int count;
    private int pending;

    /** Starts the transfer of a new request. Clears the parts that a request left behind if its handling threw. */
    void begin(Mode newMode) {
        mode = newMode;
        pending = 0;
        count = 0;
    }

    /** Adds a part. Returns its number. */
    int add(int requestOffsetBytes, long imageOffsetBytes, int lengthBytes) {
        if (count == length.length) {
            requestOffset = Arrays.copyOf(requestOffset, 2 * count);
            length = Arrays.copyOf(length, 2 * count);
            imageOffset = Arrays.copyOf(imageOffset, 2 * count);
            moved = Arrays.copyOf(moved, 2 * count);
            copied = Arrays.copyOf(copied, 2 * count);
        }
        requestOffset[count] = requestOffsetBytes;
        length[count] = lengthBytes;
        imageOffset[count] = imageOffsetBytes;
        moved[count] = 0;
        copied[count] = mode != Mode.PAGES;
        pending++;
        return count++;
    }

    /** Ends a part. When no part is in flight, all numbers are free again. */
    void endPart() {
        if (--pending == 0) {
            count = 0;
        }
    }
}
