#include <linux/io_uring.h>
#include <stddef.h>

/* Sizes and offsets of structures with arrays: the classes that jextract generates for those are slow to load. */
enum {
    SQE_BYTES = sizeof(struct io_uring_sqe),
    SQE_FLAGS = offsetof(struct io_uring_sqe, flags),
    SQE_FD = offsetof(struct io_uring_sqe, fd),
    SQE_OFF = offsetof(struct io_uring_sqe, off),
    SQE_ADDR = offsetof(struct io_uring_sqe, addr),
    SQE_LEN = offsetof(struct io_uring_sqe, len),
    SQE_RW_FLAGS = offsetof(struct io_uring_sqe, rw_flags),
    SQE_USER_DATA = offsetof(struct io_uring_sqe, user_data),
    SQE_BUF_INDEX = offsetof(struct io_uring_sqe, buf_index),
    SQE_CMD = offsetof(struct io_uring_sqe, cmd),
    PARAMS_BYTES = sizeof(struct io_uring_params),
    PARAMS_FLAGS = offsetof(struct io_uring_params, flags),
    PARAMS_CQ_ENTRIES = offsetof(struct io_uring_params, cq_entries),
};
