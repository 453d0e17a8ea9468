package io.ublkzoned.engine.qcow2;

/** The changes that a repair may make, in qemu-img's terms. */
public enum RepairExtent {
    /** Unused space: refcounts that are too high, and mappings past write pointers. */
    LEAKS,
    /**
     * Also damage, where no data is at risk: refcounts that are too low, owner flags, write pointers of empty zones.
     */
    ALL
}
