#include <liburing.h>
#include <stddef.h>

/* Sizes and offsets of structures with arrays: the classes that jextract generates for those are slow to load. */
enum {
    RING_BYTES = sizeof(struct io_uring),
    RING_SQ = offsetof(struct io_uring, sq),
    RING_CQ = offsetof(struct io_uring, cq),
    SQ_BYTES = sizeof(struct io_uring_sq),
    SQ_KHEAD = offsetof(struct io_uring_sq, khead),
    SQ_KFLAGS = offsetof(struct io_uring_sq, kflags),
    SQ_SQES = offsetof(struct io_uring_sq, sqes),
    SQ_SQE_TAIL = offsetof(struct io_uring_sq, sqe_tail),
    SQ_RING_MASK = offsetof(struct io_uring_sq, ring_mask),
    SQ_RING_ENTRIES = offsetof(struct io_uring_sq, ring_entries),
    CQ_BYTES = sizeof(struct io_uring_cq),
    CQ_KHEAD = offsetof(struct io_uring_cq, khead),
    CQ_KTAIL = offsetof(struct io_uring_cq, ktail),
    CQ_CQES = offsetof(struct io_uring_cq, cqes),
    CQ_RING_MASK = offsetof(struct io_uring_cq, ring_mask),
    CQ_RING_ENTRIES = offsetof(struct io_uring_cq, ring_entries),
};
