package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A scan of all tables of a kind. Most tables of a large device are holes of the file, and are not read. Contiguous
 * tables are read together.
 */
final class TableScanner {

    private static final int READ_BYTES = 4 << 20;

    /** A visitor that receives each table in order. */
    @FunctionalInterface
    interface Visitor {
        /** Visits a table; {@code allZero} means that it is missing or contains only zeros. */
        void table(int index, MemorySegment table, boolean allZero) throws IOException;
    }

    private TableScanner() {}

    /**
     * Reads tables that have one cluster each.
     *
     * @param offsets the offset of each table, within the file, or 0 for a missing one
     * @param count the number of tables to scan
     */
    static void scan(ImageFile file, long[] offsets, int count, int clusterBytes, Visitor visitor) throws IOException {
        int tablesMax = Math.clamp(READ_BYTES / clusterBytes, 1, Math.max(1, count));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(clusterBytes);
            MemorySegment buffer = arena.allocate((long) tablesMax * clusterBytes);
            long holeStart = 0;
            long holeEnd = 0;
            int first = 0;
            while (first < count) {
                long offset = offsets[first];
                if (offset != 0 && (offset < holeStart || offset + clusterBytes > holeEnd)) {
                    holeStart = offset;
                    holeEnd = file.nextData(offset);
                }
                if (offset == 0 || offset + clusterBytes <= holeEnd) {
                    visitor.table(first++, zeros, true);
                    continue;
                }
                int end = first + 1;
                while (end < count
                        && end - first < tablesMax
                        && offsets[end] == offset + (long) (end - first) * clusterBytes) {
                    end++;
                }
                file.read(buffer.asSlice(0, (long) (end - first) * clusterBytes), offset);
                for (int i = first; i < end; i++) {
                    MemorySegment table = buffer.asSlice((long) (i - first) * clusterBytes, clusterBytes);
                    visitor.table(i, table, table.mismatch(zeros) == -1);
                }
                first = end;
            }
        }
    }
}
