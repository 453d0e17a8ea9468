package io.ublkzoned.bindings.uring;

/** Takes completions from {@link CompletionQueue#drain}, on the ring's thread and the data path. */
@FunctionalInterface
public interface CompletionHandler {
    /**
     * May queue submissions. What it throws ends the drain and reaches the caller; this completion counts as taken.
     *
     * @param userData as given at submission
     * @param result of the operation: bytes or another number that is not negative, or -errno
     * @param flags IORING_CQE_F_... bits
     */
    void onCompletion(long userData, int result, int flags);
}
