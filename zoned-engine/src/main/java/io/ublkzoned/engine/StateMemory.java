package io.ublkzoned.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The memory of a {@link DeviceState}: 64-bit words that outlive the process. The next process sees each store
 * completely or not at all, and sees stores in their order.
 *
 * <p>It belongs to the data path. The simulator has its own implementation, which ends the process between any two
 * stores.
 */
public interface StateMemory {

    /** Returns the size in bytes. */
    long sizeBytes();

    /** Returns the word at an offset, a multiple of 8. */
    long load(long offset);

    /** Replaces the word at an offset, a multiple of 8. */
    void store(long offset, long word);

    /**
     * Returns memory in a segment that is aligned to 8 bytes, such as a file mapped shared. Words are in the host's
     * byte order.
     */
    static StateMemory of(MemorySegment segment) {
        return new Words(segment);
    }

    /** Returns memory on the heap, for a device that no other process takes over. */
    static StateMemory onHeap(long sizeBytes) {
        return new Words(MemorySegment.ofArray(new long[Math.toIntExact(sizeBytes / Long.BYTES)]));
    }

    /** The words of a segment. A store is a release, so that earlier stores are seen first. */
    record Words(MemorySegment segment) implements StateMemory {

        private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();

        @Override
        public long sizeBytes() {
            return segment.byteSize();
        }

        @Override
        public long load(long offset) {
            return (long) LONG.getAcquire(segment, offset);
        }

        @Override
        public void store(long offset, long word) {
            LONG.setRelease(segment, offset, word);
        }
    }
}
