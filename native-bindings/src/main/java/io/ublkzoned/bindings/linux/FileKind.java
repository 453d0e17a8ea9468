package io.ublkzoned.bindings.linux;

import io.ublkzoned.bindings.generated.libc.libc_h;

/** The kinds of file that a path can lead to, after symbolic links have been resolved. */
public enum FileKind {
    REGULAR_FILE(libc_h.S_IFREG()),
    DIRECTORY(libc_h.S_IFDIR()),
    BLOCK_DEVICE(libc_h.S_IFBLK()),
    CHARACTER_DEVICE(libc_h.S_IFCHR()),
    FIFO(libc_h.S_IFIFO()),
    SOCKET(libc_h.S_IFSOCK()),
    OTHER(0);

    private final int format;

    FileKind(int format) {
        this.format = format;
    }

    /** Returns the kind of a file with this {@code st_mode}. */
    public static FileKind of(int mode) {
        for (FileKind kind : values()) {
            if (kind.format == (mode & libc_h.S_IFMT())) {
                return kind;
            }
        }
        return OTHER;
    }
}
