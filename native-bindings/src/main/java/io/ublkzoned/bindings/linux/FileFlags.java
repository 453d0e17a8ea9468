package io.ublkzoned.bindings.linux;

import io.ublkzoned.bindings.generated.libc.libc_h;

/** Arguments of the file calls in {@link Libc}, by their C names. */
public final class FileFlags {
    public static final int O_RDONLY = libc_h.O_RDONLY();
    public static final int O_WRONLY = libc_h.O_WRONLY();
    public static final int O_RDWR = libc_h.O_RDWR();
    public static final int O_APPEND = libc_h.O_APPEND();
    public static final int O_CREAT = libc_h.O_CREAT();
    public static final int O_EXCL = libc_h.O_EXCL();
    /** The last part of the path must not be a symbolic link: ELOOP. */
    public static final int O_NOFOLLOW = libc_h.O_NOFOLLOW();

    public static final int O_TRUNC = libc_h.O_TRUNC();
    public static final int O_DIRECT = libc_h.O_DIRECT();
    public static final int O_DSYNC = libc_h.O_DSYNC();
    /** Opening a FIFO does not wait for its other end. */
    public static final int O_NONBLOCK = libc_h.O_NONBLOCK();

    /** Names a file without opening it: neither permission to read it is needed, nor can it be read. */
    static final int O_PATH = libc_h.O_PATH();

    public static final int SEEK_SET = libc_h.SEEK_SET();
    public static final int SEEK_END = libc_h.SEEK_END();
    /** To the next offset that is not in a hole, or ENXIO if there is none before the end of the file. */
    public static final int SEEK_DATA = libc_h.SEEK_DATA();

    /** To the next offset that is in a hole; the end of the file counts as one. */
    public static final int SEEK_HOLE = libc_h.SEEK_HOLE();

    public static final int FALLOC_FL_KEEP_SIZE = libc_h.FALLOC_FL_KEEP_SIZE();
    /** Only together with {@link #FALLOC_FL_KEEP_SIZE}. */
    public static final int FALLOC_FL_PUNCH_HOLE = libc_h.FALLOC_FL_PUNCH_HOLE();

    public static final int FALLOC_FL_ZERO_RANGE = libc_h.FALLOC_FL_ZERO_RANGE();

    /** Lock types of {@link OpenFileLock#tryLock} and {@link OpenFileLock#testLock}. */
    public static final int F_RDLCK = libc_h.F_RDLCK();

    public static final int F_WRLCK = libc_h.F_WRLCK();
    public static final int F_UNLCK = libc_h.F_UNLCK();

    private FileFlags() {}
}
