package io.ublkzoned.bindings.uring;

import io.ublkzoned.bindings.generated.uring.uring_h;

/**
 * What a ring may be asked to be, see io_uring_setup(2). All but {@link #SQE128} are left out where the kernel lacks
 * them.
 */
public enum RingFlag {
    /** Submission entries of 128 bytes, for {@link SubmissionQueue#wideCommand}. Linux 5.19. */
    SQE128(uring_h.IORING_SETUP_SQE128()),
    /** No interrupt of the thread to deliver a completion. Linux 5.19. */
    COOP_TASKRUN(uring_h.IORING_SETUP_COOP_TASKRUN()),
    /** One thread submits, which spares the kernel a lock. Linux 6.0. */
    SINGLE_ISSUER(uring_h.IORING_SETUP_SINGLE_ISSUER()),
    /** Completions are worked off only when the thread waits. Implies {@link #SINGLE_ISSUER}. Linux 6.1. */
    DEFER_TASKRUN(uring_h.IORING_SETUP_DEFER_TASKRUN() | uring_h.IORING_SETUP_SINGLE_ISSUER());

    private final int bits;

    RingFlag(int bits) {
        this.bits = bits;
    }

    int bits() {
        return bits;
    }
}
