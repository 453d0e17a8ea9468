package io.ublkzoned.engine.qcow2;

/**
 * The reason for a sync of an image: data that must be durable before a later step. An {@link ImageFile} may treat all
 * reasons alike. The simulator leaves out one at a time, to verify that its checks notice.
 */
public enum Barrier {
    /** New tables, before anything in the file refers to them. */
    TABLES_BEFORE_REFERENCES,

    /** All of a new image, before the header that makes it one. */
    IMAGE_BEFORE_HEADER,

    /** The header, before the image counts as created. */
    HEADER_BEFORE_CREATED,

    /** The dirty bit, before anything else is written to an image that was closed. */
    DIRTY_BEFORE_CHANGES,

    /** The changes of a recovery and the holes that it made of free clusters, before the first of them is allocated. */
    RECOVERY_BEFORE_USE,

    /** The write pointers that the last server had acknowledged, before the device continues from them. */
    POINTERS_BEFORE_TAKEN_OVER,

    /** The hole under a cluster of zeros, before the L2 entry says that the cluster holds data. */
    ZEROS_BEFORE_DATA,

    /** Data, L2 entries and refcounts, before the write pointers that cover them. */
    DATA_BEFORE_POINTERS,

    /** Write pointers, before a flush completes. */
    POINTERS_BEFORE_FLUSHED,

    /** The write pointers of a reset, before it completes and the clusters are released. */
    RESET_BEFORE_RELEASE,

    /** The record of read-only and offline zones, before the zones change their condition. */
    FAILED_ZONES_BEFORE_DONE,

    /** The hole under a released cluster, before the cluster is allocated again. */
    HOLES_BEFORE_REUSE,

    /** The new write pointer table and the copy of the header's extensions, before the header refers to the copy. */
    CONVERSION_COPY_BEFORE_USE,

    /** The header that refers to the copy, before the extensions themselves are rewritten. */
    CONVERSION_USE_BEFORE_REWRITE,

    /** The extensions of the new layout, before the header refers to them again. */
    CONVERSION_REWRITE_BEFORE_SWITCH,

    /** The header that refers to the new layout, before the old table and the copy are released. */
    CONVERSION_SWITCH_BEFORE_RELEASE,

    /** Everything, before the dirty bit is cleared. */
    ALL_BEFORE_CLEAN,

    /** The cleared dirty bit, before the device counts as closed. */
    CLEAN_BEFORE_CLOSED,

    /** All entries of a write log, before the log counts as closed. */
    LOG_BEFORE_CLOSED,

    /** The mark of an image under repair, before the repair changes anything. */
    MARK_BEFORE_REPAIR,

    /** The holes that a repair makes of clusters, before it frees them. */
    HOLES_BEFORE_REFCOUNTS,

    /** All changes of a repair, before the mark is cleared. */
    REPAIR_BEFORE_UNMARK,

    /** The cleared mark, before the image counts as repaired. */
    UNMARK_BEFORE_REPAIRED
}
