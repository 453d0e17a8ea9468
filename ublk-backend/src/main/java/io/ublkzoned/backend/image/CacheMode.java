package io.ublkzoned.backend.image;

/** Whether the data of an image go through this host's page cache; its metadata always do. The names are QEMU's. */
public enum CacheMode {
    WRITEBACK,
    /** O_DIRECT. */
    NONE
}
