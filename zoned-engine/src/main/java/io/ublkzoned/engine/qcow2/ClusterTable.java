package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * What the L1 table and the refcount table have in common: an array of offsets of clusters, 0 for a missing one.
 *
 * @param name for a sentence
 * @param flags of an entry that has a cluster
 * @param bytesMax the largest table that QEMU opens
 */
record ClusterTable(String name, long flags, int bytesMax) {

    /** Of L2 tables; each has a refcount of exactly 1, which the flag says. */
    static final ClusterTable L1 = new ClusterTable("L1 table", 1L << 63, 32 << 20);

    /** Of refcount blocks. */
    static final ClusterTable REFCOUNT = new ClusterTable("refcount table", 0, 8 << 20);

    /**
     * Reads a table.
     *
     * @return the offsets, all of whole clusters within the file; none if the table itself cannot be read
     */
    long[] read(ImageFile file, long offset, long entries, int clusterBytes, DamageSink sink) throws IOException {
        if (entries > bytesMax / Long.BYTES) {
            sink.damage("the %s has %d entries, more than the %d that there can be"
                    .formatted(name, entries, bytesMax / Long.BYTES));
            return new long[0];
        }
        if (offset <= 0 || offset % clusterBytes != 0) {
            sink.damage("the %s cannot be at offset %d, which is not that of a cluster".formatted(name, offset));
            return new long[0];
        }
        if (offset > file.sizeBytes() - entries * Long.BYTES) {
            sink.damage("the file ends before the end of the %s, which is at offset %d".formatted(name, offset));
            return new long[0];
        }
        long[] offsets = new long[(int) entries];
        MemorySegment raw = MemorySegment.ofArray(new byte[offsets.length * Long.BYTES]);
        file.read(raw, offset);
        long lastOffset = file.sizeBytes() - clusterBytes;
        for (int i = 0; i < offsets.length; i++) {
            long target = raw.getAtIndex(BigEndian.LONG, i) & ~flags;
            if (target < 0 || target % clusterBytes != 0 || target > lastOffset) {
                sink.damage("entry %d of the %s is %#x, not the offset of a cluster within the file"
                        .formatted(i, name, target));
            } else {
                offsets[i] = target;
            }
        }
        return offsets;
    }

    /** Which entries of a table that was read lack the flags. */
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
