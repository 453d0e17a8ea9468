package io.ublkzoned.backend.image;

/**
 * The way of an image's data: through this host's page cache or past it. Metadata always go through it. The names are
 * QEMU's.
 */
public enum CacheMode {
    WRITEBACK,
    /** Data bypass the page cache (O_DIRECT). */
    NONE
}
