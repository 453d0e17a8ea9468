package io.ublkzoned.backend.image;

import java.util.Arrays;

/** The data of one tag's request on their way: how they move, and which parts are under way. Belongs to the queue's thread. */
final class Transfer {

    /** How the data of a request move. */
    enum Mode {
        /** By plain calls, through the tag's buffer. */
        CALLS,
        /** By the ring, through the tag's buffer. */
        BUFFER,
        /** By the ring, on the request's own pages. */
        PAGES
    }

    private static final int INITIAL_PARTS = 8;

    Mode mode = Mode.CALLS;
    boolean pagesAreRegistered;

    int[] requestOffset = new int[INITIAL_PARTS];
    int[] length = new int[INITIAL_PARTS];
    long[] imageOffset = new long[INITIAL_PARTS];

    /** How many bytes of each part have moved. */
    int[] moved = new int[INITIAL_PARTS];

    /** Which parts go through the tag's buffer. */
    boolean[] copied = new boolean[INITIAL_PARTS];

    private int count;
    private int pending;

    /** Starts the transfer of a new request; forgets what one that threw has left. */
    void begin(Mode newMode) {
        mode = newMode;
        pending = 0;
        count = 0;
    }

    /** Adds a part, none of which has moved. Returns its number. */
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

    /** Ends a part. The numbers of all are free again once none is under way. */
    void endPart() {
        if (--pending == 0) {
            count = 0;
        }
    }
}
