package io.ublkzoned.engine.qcow2;

/**
 * Why an image is synced: what has to be durable before what may follow. An {@link ImageFile} need not tell them apart;
 * the simulator leaves out one at a time, to see that it is missed.
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

    /** What a recovery did and the holes it made of free clusters, before the first of them is handed out. */
    RECOVERY_BEFORE_USE,

    /** The write pointers that the last server had acknowledged, before the device goes on from them. */
    POINTERS_BEFORE_TAKEN_OVER,

    /** The hole under a cluster of zeros, before the entry says that the cluster holds data. */
    ZEROS_BEFORE_DATA,

    /** Data, L2 entries and refcounts, before the write pointers that cover them. */
    DATA_BEFORE_POINTERS,

    /** Write pointers, before a flush is done. */
    POINTERS_BEFORE_FLUSHED,

    /** The write pointers of a reset, before it is done and the clusters are given up. */
    RESET_BEFORE_RELEASE,

    /** That zones are read-only or offline, or no longer, before they are. */
    FAILED_ZONES_BEFORE_DONE,

    /** The hole under a given-up cluster, before the cluster is handed out again. */
    HOLES_BEFORE_REUSE,

    /** The new write pointer table and the copy of the header's extensions, before the header points to the copy. */
    CONVERSION_COPY_BEFORE_USE,

    /** That the header points to the copy, before the extensions themselves are rewritten. */
    CONVERSION_USE_BEFORE_REWRITE,

    /** The extensions of the new layout, before the header points to them again. */
    CONVERSION_REWRITE_BEFORE_SWITCH,

    /** That the header points to the new layout, before the old table and the copy are given up. */
    CONVERSION_SWITCH_BEFORE_RELEASE,

    /** Everything, before the dirty bit is cleared. */
    ALL_BEFORE_CLEAN,

    /** The cleared dirty bit, before the device counts as closed. */
    CLEAN_BEFORE_CLOSED,

    /** The mark of an image under repair, before the repair changes anything. */
    MARK_BEFORE_REPAIR,

    /** The holes that a repair makes of clusters, before it frees them. */
    HOLES_BEFORE_REFCOUNTS,

    /** All that a repair changed, before the mark is taken away. */
    REPAIR_BEFORE_UNMARK,

    /** That the mark is gone, before the image counts as repaired. */
    UNMARK_BEFORE_REPAIRED
}
