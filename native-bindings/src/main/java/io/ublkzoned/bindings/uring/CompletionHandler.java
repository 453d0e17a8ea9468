package io.ublkzoned.bindings.uring;

/** A receiver of completions from {@link CompletionQueue#drain}, on the thread of the ring and on the data path. */
@FunctionalInterface
public interface CompletionHandler {
    /**
     * Receives one completion. May queue submissions. An exception ends the drain and reaches its caller; this
     * completion counts as taken.
     *
     * @param userData as given at submission
     * @param result of the operation: bytes or another number that is not negative, or -errno
     * @param flags IORING_CQE_F_... bits
     */
    void onCompletion(long userData, int result, int flags);
}
