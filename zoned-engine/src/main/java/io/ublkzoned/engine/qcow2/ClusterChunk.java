package io.ublkzoned.engine.qcow2;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A part of a {@link ClusterBitmap}: a set of numbers below {@value #LIMIT}. A few are kept as a sorted list, so that
 * clusters that a file scatters on purpose cost no more memory than what the file says of them; more than that as one
 * bit each.
 */
final class ClusterChunk {

    static final int LIMIT = 1 << 15;

    private static final int WORDS = LIMIT / Long.SIZE;
    private static final int MEMBERS_MIN = 4;
    private static final int MEMBERS_MAX = 128;

    // Of the two, words is used once it is there.
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

    /** Adds a number; false if it was there already. */
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

    /** Takes a number out; false if it was not there. */
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

    /** Where a number is in the list, or would be. */
    private int position(int number) {
        int at = Arrays.binarySearch(members, 0, size, (char) number);
        return at < 0 ? -at - 1 : at;
    }

    /** The first number from {@code from} that is not in the set, or {@link #LIMIT}. */
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

    /** The first number from {@code from} that is in the set, or {@link #LIMIT}. */
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

    /** One past the greatest number, 0 if the set is empty. */
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
