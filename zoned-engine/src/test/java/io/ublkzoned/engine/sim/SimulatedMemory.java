package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.StateMemory;
import java.util.Arrays;

/** The memory of a saved state. A listener is told of each store, and can end the server there, or throw. One thread uses it. */
public final class SimulatedMemory implements StateMemory {

    private final long[] words;
    private Runnable listener = () -> {};

    // A store from this offset on comes after the next one, and waits here.
    private long lateFrom = Long.MAX_VALUE;
    private long lateOffset;
    private long lateWord;

    SimulatedMemory(int words) {
        this.words = new long[words];
    }

    /** Is told of each store from now on, once it has happened. */
    public void listen(Runnable newListener) {
        listener = newListener;
    }

    /** As new memory: all zeros. */
    void clear() {
        Arrays.fill(words, 0);
        lateWord = 0;
    }

    /** The server dies: what comes late does not come any more. */
    void serverDied() {
        lateWord = 0;
    }

    /** From now on the memory has the defect that stores of words that are not 0, from this offset on, come one store late. */
    void storeLate(long fromOffset) {
        lateFrom = fromOffset;
    }

    /** The same words in memory of their own. */
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
