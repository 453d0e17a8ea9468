package io.ublkzoned.engine.sim;

import java.nio.ByteBuffer;

/**
 * The zoned extension in a header, read by the published structs and without the engine's own classes.
 *
 * @param zones the number of zones
 * @param tableOffset the offset of the write pointer table in the file
 * @param bigEndian the byte order of the write pointers; big-endian implies bit 63 for conventional zones,
 *     little-endian bit 59
 */
record ZonedFields(int zones, long tableOffset, boolean bigEndian) {

    private static final int MAGIC = 0x007a6264;
    private static final int SIZE = 24;
    private static final int INCOMPATIBLE_END = 79;
    private static final int ZONED_BIT = 1 << 5;
    private static final int HEADER_LENGTH = 100;

    static ZonedFields of(ByteBuffer header) {
        int at = header.getInt(HEADER_LENGTH);
        while (header.getInt(at) != MAGIC) {
            at += 8 + (header.getInt(at + 4) + 7) / 8 * 8;
        }
        ByteBuffer data = header.slice(at + 8, header.getInt(at + 4));
        return switch (data.limit()) {
            case 44 -> new ZonedFields(data.getInt(4), data.getLong(24), true);
            case 56 -> new ZonedFields(data.getInt(24), data.getLong(48), false);
            case 48 -> {
                if ((header.get(INCOMPATIBLE_END) & ZONED_BIT) == 0) {
                    yield new ZonedFields(data.getInt(16), data.getLong(32), false);
                }
                boolean wide = data.getInt(4) * data.getLong(8) == header.getLong(SIZE);
                yield wide
                        ? new ZonedFields(data.getInt(4), data.getLong(40), true)
                        : new ZonedFields(data.getInt(16), data.getLong(40), false);
            }
            default -> throw new AssertionError("a zoned extension of " + data.limit() + " bytes");
        };
    }

    /** Returns the write pointer of an entry without the flag. */
    long pointer(long bigEndianEntry) {
        return bigEndian ? bigEndianEntry & ~(1L << 63) : Long.reverseBytes(bigEndianEntry) & ~(1L << 59);
    }
}
