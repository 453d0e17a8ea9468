package io.ublkzoned.bindings.linux;

import io.ublkzoned.bindings.generated.libc.libc_h;

/** The arguments of the file calls in {@link Libc}, by their C names. */
public final class FileFlags {
    public static final int O_RDONLY = libc_h.O_RDONLY();
    public static final int O_WRONLY = libc_h.O_WRONLY();
    public static final int O_RDWR = libc_h.O_RDWR();
    public static final int O_APPEND = libc_h.O_APPEND();
    public static final int O_CREAT = libc_h.O_CREAT();
    public static final int O_EXCL = libc_h.O_EXCL();
    /** Fails with ELOOP if the last part of the path is a symbolic link. */
    public static final int O_NOFOLLOW = libc_h.O_NOFOLLOW();

    public static final int O_TRUNC = libc_h.O_TRUNC();
    public static final int O_DIRECT = libc_h.O_DIRECT();
    public static final int O_DSYNC = libc_h.O_DSYNC();
    /** Opens a FIFO without waiting for its other end. */
    public static final int O_NONBLOCK = libc_h.O_NONBLOCK();

    /** Names a file without opening it. Read permission is not needed, and the file cannot be read. */
    static final int O_PATH = libc_h.O_PATH();

    public static final int SEEK_SET = libc_h.SEEK_SET();
    public static final int SEEK_END = libc_h.SEEK_END();
    /** Seeks the next offset that is not in a hole. Fails with ENXIO if no data follows before the end of the file. */
    public static final int SEEK_DATA = libc_h.SEEK_DATA();

    /** Seeks the next offset that is in a hole. The end of the file counts as a hole. */
    public static final int SEEK_HOLE = libc_h.SEEK_HOLE();

    public static final int FALLOC_FL_KEEP_SIZE = libc_h.FALLOC_FL_KEEP_SIZE();
    /** Valid only together with {@link #FALLOC_FL_KEEP_SIZE}. */
    public static final int FALLOC_FL_PUNCH_HOLE = libc_h.FALLOC_FL_PUNCH_HOLE();

    public static final int FALLOC_FL_ZERO_RANGE = libc_h.FALLOC_FL_ZERO_RANGE();

    /** This and the next two are lock types for {@link OpenFileLock#tryLock} and {@link OpenFileLock#testLock}. */
    public static final int F_RDLCK = libc_h.F_RDLCK();

    public static final int F_WRLCK = libc_h.F_WRLCK();
    public static final int F_UNLCK = libc_h.F_UNLCK();

    private FileFlags() {}
}
