package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The encoding of a write pointer table. A layout prescribes one. However, the layouts before the rework of 2026 left
 * the byte order to the machine, and the bit for conventional zones changed within the life of a layout.
 *
 * @param bigEndian the byte order of all entries
 * @param conventionalFlag the bit that marks a conventional zone
 */
record PointerEncoding(boolean bigEndian, long conventionalFlag) {

    private static final ValueLayout.OfLong LITTLE_ENDIAN =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static PointerEncoding of(ZonedLayout layout) {
        return new PointerEncoding(layout.pointersBigEndian(), layout.conventionalFlag());
    }

    /** Returns the other possible encodings. */
    List<PointerEncoding> others() {
        List<PointerEncoding> all = new ArrayList<>();
        for (ZonedLayout layout : List.of(ZonedLayout.V6, ZonedLayout.BE44)) {
            all.add(new PointerEncoding(false, layout.conventionalFlag()));
            all.add(new PointerEncoding(true, layout.conventionalFlag()));
        }
        all.remove(this);
        return all;
    }

    long read(MemorySegment table, int index) {
        return table.getAtIndex(entryLayout(), index);
    }

    void write(MemorySegment table, int index, long entry) {
        table.setAtIndex(entryLayout(), index, entry);
    }

    private ValueLayout.OfLong entryLayout() {
        return bigEndian ? BigEndian.LONG : LITTLE_ENDIAN;
    }
}
