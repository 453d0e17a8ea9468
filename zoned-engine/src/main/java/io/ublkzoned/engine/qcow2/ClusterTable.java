package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * A table of the image that holds offsets of clusters, 0 for a missing one: the L1 table or the refcount table.
 *
 * @param name the name in error messages
 * @param flags the flags of an entry that has a cluster
 * @param bytesMax the size of the largest table that QEMU opens
 */
record ClusterTable(String name, long flags, int bytesMax) {

    /** The table of L2 tables. Each L2 table has a refcount of exactly 1, as the flag says. */
    static final ClusterTable L1 = new ClusterTable("L1 table", 1L << 63, 32 << 20);

    /** The table of refcount blocks. */
    static final ClusterTable REFCOUNT = new ClusterTable("refcount table", 0, 8 << 20);

    /**
     * Reads a table.
     *
     * @return the offsets, all of whole clusters within the file; empty if the table itself cannot be read
     */
    long[] read(ImageFile file, long offset, long entries, int clusterBytes, DamageHandler onDamage)
            throws IOException {
        if (entries > bytesMax / Long.BYTES) {
            onDamage.handle("the %s has %d entries, more than the maximum of %d"
                    .formatted(name, entries, bytesMax / Long.BYTES));
            return new long[0];
        }
        if (offset <= 0 || offset % clusterBytes != 0) {
            onDamage.handle("the %s cannot be at offset %d, which is not that of a cluster".formatted(name, offset));
            return new long[0];
        }
        if (offset > file.sizeBytes() - entries * Long.BYTES) {
            onDamage.handle("the file ends before the end of the %s, which is at offset %d".formatted(name, offset));
            return new long[0];
        }
        long[] offsets = new long[(int) entries];
        MemorySegment raw = MemorySegment.ofArray(new byte[offsets.length * Long.BYTES]);
        file.read(raw, offset);
        long lastOffset = file.sizeBytes() - clusterBytes;
        for (int i = 0; i < offsets.length; i++) {
            long target = raw.getAtIndex(BigEndian.LONG, i) & ~flags;
            if (target < 0 || target % clusterBytes != 0 || target > lastOffset) {
                onDamage.handle("entry %d of the %s is %#x, not the offset of a cluster within the file"
                        .formatted(i, name, target));
            } else {
                offsets[i] = target;
            }
        }
        return offsets;
    }

    /** Returns the entries of a table, as {@link #read} returned it, that lack the flags. */
    BitSet withoutFlags(ImageFile file, long offset, long[] offsets) throws IOException {
        BitSet without = new BitSet();
        if (offsets.length == 0) {
            return without;
        }
        MemorySegment raw = MemorySegment.ofArray(new byte[offsets.length * Long.BYTES]);
        file.read(raw, offset);
        for (int i = 0; i < offsets.length; i++) {
            without.set(i, offsets[i] != 0 && (raw.getAtIndex(BigEndian.LONG, i) & flags) != flags);
        }
        return without;
    }

    /** Writes a table. */
    void write(ImageFile file, long offset, long[] offsets) throws IOException {
        MemorySegment raw = MemorySegment.ofArray(new byte[offsets.length * Long.BYTES]);
        for (int i = 0; i < offsets.length; i++) {
            raw.setAtIndex(BigEndian.LONG, i, offsets[i] == 0 ? 0 : offsets[i] | flags);
        }
        file.write(raw, offset);
    }
}
