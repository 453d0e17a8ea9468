package io.ublkzoned.backend.image;

import java.util.Locale;

/**
 * The use of this host's page cache for an image's data. Metadata always go through the page cache. The names are
 * QEMU's.
 */
public enum CacheMode {
    /** Data go through the page cache. */
    WRITEBACK,
    /** Data bypass the page cache (O_DIRECT). */
    NONE;

    /** Returns the name that options and output use. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
