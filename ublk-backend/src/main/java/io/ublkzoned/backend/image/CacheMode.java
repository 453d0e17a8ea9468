package io.ublkzoned.backend.image;

/**
 * The use of this host's page cache for an image's data. Metadata always go through the page cache. The names are
 * QEMU's.
 */
public enum CacheMode {
    /** Data go through the page cache. */
    WRITEBACK,
    /** Data bypass the page cache (O_DIRECT). */
    NONE
}
