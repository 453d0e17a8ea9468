package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.StateMemory;
import java.util.Arrays;

/**
 * The memory of a saved state. A listener runs after each store, and can end the server there, or throw. One thread
 * uses it.
 */
public final class SimulatedMemory implements StateMemory {

    private final long[] words;
    private Runnable listener = () -> {};

    // A store from this offset on is delayed until after the next one, and waits here.
    private long lateFrom = Long.MAX_VALUE;
    private long lateOffset;
    private long lateWord;

    SimulatedMemory(int words) {
        this.words = new long[words];
    }

    /** Sets a listener that runs after each store from now on. */
    public void listen(Runnable newListener) {
        listener = newListener;
    }

    /** Clears the memory to zeros, like new memory. */
    void clear() {
        Arrays.fill(words, 0);
        lateWord = 0;
    }

    /** Drops the delayed store, because the server dies. */
    void serverDied() {
        lateWord = 0;
    }

    /** Adds the defect that stores of nonzero words, from this offset on, take effect one store late. */
    void storeLate(long fromOffset) {
        lateFrom = fromOffset;
    }

    /** Returns a copy with the same words. */
    SimulatedMemory copy() {
        SimulatedMemory copy = new SimulatedMemory(words.length);
        System.arraycopy(words, 0, copy.words, 0, words.length);
        return copy;
    }

    @Override
    public long sizeBytes() {
        return (long) words.length * Long.BYTES;
    }

    @Override
    public long load(long offset) {
        return words[index(offset)];
    }

    @Override
    public void store(long offset, long word) {
        if (offset >= lateFrom && word != 0) {
            lateOffset = offset;
            lateWord = word;
        } else {
            words[index(offset)] = word;
            listener.run();
            if (lateWord != 0) {
                words[index(lateOffset)] = lateWord;
                lateWord = 0;
                listener.run();
            }
        }
    }

    private static int index(long offset) {
        if (offset % Long.BYTES != 0) {
            throw new AssertionError("not the offset of a word: " + offset);
        }
        return Math.toIntExact(offset / Long.BYTES);
    }
}
