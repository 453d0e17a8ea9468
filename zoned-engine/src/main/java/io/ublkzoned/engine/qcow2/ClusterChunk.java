package io.ublkzoned.engine.qcow2;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A part of a {@link ClusterBitmap}: a set of numbers below {@value #LIMIT}. Up to {@value #MEMBERS_MAX} members are
 * kept as a sorted list, more as one bit each. With the list, clusters that a file scatters on purpose cost no more
 * memory than the file's own entries for them.
 */
final class ClusterChunk {

    static final int LIMIT = 1 << 15;

    private static final int WORDS = LIMIT / Long.SIZE;
    private static final int MEMBERS_MIN = 4;
    private static final int MEMBERS_MAX = 128;

    // Once words exists, it is used instead of members.
    private char[] members = new char[MEMBERS_MIN];
    private long @Nullable [] words;
    private int size;

    boolean contains(int number) {
        if (words != null) {
            return (words[number / Long.SIZE] & 1L << number) != 0;
        }
        int at = position(number);
        return at < size && members[at] == number;
    }

    /** Adds a number. Returns false if the set already had it. */
    boolean add(int number) {
        if (contains(number)) {
            return false;
        }
        if (words == null && size == MEMBERS_MAX) {
            words = new long[WORDS];
            for (char member : members) {
                words[member / Long.SIZE] |= 1L << member;
            }
            members = new char[0];
        }
        if (words != null) {
            words[number / Long.SIZE] |= 1L << number;
        } else {
            if (size == members.length) {
                members = Arrays.copyOf(members, 2 * size);
            }
            int at = position(number);
            System.arraycopy(members, at, members, at + 1, size - at);
            members[at] = (char) number;
        }
        size++;
        return true;
    }

    /** Removes a number. Returns false if the set did not have it. */
    boolean remove(int number) {
        if (!contains(number)) {
            return false;
        }
        if (words != null) {
            words[number / Long.SIZE] &= ~(1L << number);
        } else {
            int at = position(number);
            System.arraycopy(members, at + 1, members, at, size - at - 1);
        }
        size--;
        return true;
    }

    /** Returns the position of a number in the list, or the position at which it would be inserted. */
    private int position(int number) {
        int at = Arrays.binarySearch(members, 0, size, (char) number);
        return at < 0 ? -at - 1 : at;
    }

    /** Returns the first number from {@code from} that is not in the set, or {@link #LIMIT}. */
    int nextAbsent(int from) {
        if (size == LIMIT) {
            return LIMIT;
        }
        int number = from;
        if (words == null) {
            for (int at = position(from); at < size && members[at] == number; at++) {
                number++;
            }
            return number;
        }
        while (number < LIMIT) {
            long rest = ~words[number / Long.SIZE] >>> number;
            if (rest != 0) {
                return number + Long.numberOfTrailingZeros(rest);
            }
            number = nextWord(number);
        }
        return LIMIT;
    }

    /** Returns the first number from {@code from} that is in the set, or {@link #LIMIT}. */
    int nextPresent(int from) {
        if (size == 0) {
            return LIMIT;
        }
        if (words == null) {
            int at = position(from);
            return at < size ? members[at] : LIMIT;
        }
        int number = from;
        while (number < LIMIT) {
            long rest = words[number / Long.SIZE] >>> number;
            if (rest != 0) {
                return number + Long.numberOfTrailingZeros(rest);
            }
            number = nextWord(number);
        }
        return LIMIT;
    }

    /** Returns one past the greatest number, or 0 if the set is empty. */
    int end() {
        if (size == 0) {
            return 0;
        }
        if (words == null) {
            return members[size - 1] + 1;
        }
        int word = WORDS - 1;
        while (words[word] == 0) {
            word--;
        }
        return (word + 1) * Long.SIZE - Long.numberOfLeadingZeros(words[word]);
    }

    private static int nextWord(int number) {
        return (number | Long.SIZE - 1) + 1;
    }
}
