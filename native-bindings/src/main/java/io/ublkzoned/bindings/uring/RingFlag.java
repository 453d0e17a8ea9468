package io.ublkzoned.bindings.uring;

import io.ublkzoned.bindings.generated.uring.uring_h;

/**
 * The flags of a ring, see io_uring_setup(2). A ring is made without the flags that the kernel does not support, except
 * for {@link #SQE128}, which is required if it is wanted.
 */
public enum RingFlag {
    /** Submission entries of 128 bytes, for {@link SubmissionQueue#wideCommand}. Linux 5.19. */
    SQE128(uring_h.IORING_SETUP_SQE128()),
    /** Delivers completions without interrupting the thread. Linux 5.19. */
    COOP_TASKRUN(uring_h.IORING_SETUP_COOP_TASKRUN()),
    /** Lets one thread submit, which saves the kernel a lock. Linux 6.0. */
    SINGLE_ISSUER(uring_h.IORING_SETUP_SINGLE_ISSUER()),
    /** Processes completions only when the thread waits. Implies {@link #SINGLE_ISSUER}. Linux 6.1. */
    DEFER_TASKRUN(uring_h.IORING_SETUP_DEFER_TASKRUN() | uring_h.IORING_SETUP_SINGLE_ISSUER());

    private final int bits;

    RingFlag(int bits) {
        this.bits = bits;
    }

    int bits() {
        return bits;
    }
}
