package io.ublkzoned.engine.qcow2;

/** What a repair may change, in qemu-img's terms. */
public enum RepairExtent {
    /** Space that nobody uses: refcounts that are too high, and what lies past write pointers. */
    LEAKS,
    /** Damage too, where no data is at risk: refcounts that are too low, owner flags, write pointers of empty zones. */
    ALL
}
