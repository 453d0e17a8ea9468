package io.ublkzoned.engine.writelog;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.MemorySegment;

/**
 * One entry of a write log.
 *
 * <p>On disk, little-endian: sector, number of sectors, flags, and length of the name, 8 bytes each. The name of a mark
 * follows in the same sector. The data of a write follows in the next ones.
 *
 * @param index the number of the entry, from 0
 * @param logOffsetBytes the place of the entry in the log
 * @param flags bits of dm-log-writes, and those of this program from bit 32 on
 * @param startBytes the device address of the operation
 * @param lengthBytes the length of the written data, or of the zones that are reset
 * @param covered for a flush, the number of entries that it made durable; otherwise 0
 * @param name the name of a mark, otherwise empty
 */
public record LogEntry(
        long index, long logOffsetBytes, long flags, long startBytes, long lengthBytes, long covered, String name) {

    /** The operation of an entry. */
    public enum Kind {
        WRITE,
        APPEND,
        RESET,
        RESET_ALL,
        FINISH,
        FLUSH,
        /** Only in logs of dm-log-writes. */
        DISCARD,
        MARK
    }

    // Of dm-log-writes.
    static final long FLUSH = 1;
    static final long FUA = 1 << 1;
    static final long DISCARD = 1 << 2;
    static final long MARK = 1 << 3;

    // Of this program. A reset is a discard for other programs, whose data is not in the log.
    static final long APPEND = 1L << 32;
    static final long RESET = 1L << 33;
    static final long RESET_ALL = 1L << 34;
    static final long FINISH = 1L << 35;

    static final int BYTES = 32;

    private static final long LENGTH_AT = 8;
    private static final long FLAGS_AT = 16;
    private static final long NAME_LENGTH_AT = 24;

    public Kind kind() {
        if ((flags & MARK) != 0) {
            return Kind.MARK;
        } else if ((flags & RESET_ALL) != 0) {
            return Kind.RESET_ALL;
        } else if ((flags & RESET) != 0) {
            return Kind.RESET;
        } else if ((flags & FINISH) != 0) {
            return Kind.FINISH;
        } else if ((flags & DISCARD) != 0) {
            return Kind.DISCARD;
        } else if ((flags & APPEND) != 0) {
            return Kind.APPEND;
        } else {
            return lengthBytes == 0 ? Kind.FLUSH : Kind.WRITE;
        }
    }

    /** Returns whether the entry is a flush, or a write of dm-log-writes after which everything before is durable. */
    public boolean isFlush() {
        return (flags & FLUSH) != 0;
    }

    /** Returns whether the data was durable when the write was acknowledged. */
    public boolean forceUnitAccess() {
        return (flags & FUA) != 0;
    }

    /** Returns whether data follows the entry in the log. */
    public boolean hasData() {
        return (flags & (DISCARD | MARK)) == 0 && lengthBytes > 0;
    }

    /** Returns the place of the data in the log. */
    public long dataOffsetBytes(int sectorBytes) {
        return logOffsetBytes + sectorBytes;
    }

    /** Returns the place of the next entry in the log. */
    long endBytes(int sectorBytes) {
        return dataOffsetBytes(sectorBytes) + (hasData() ? lengthBytes : 0);
    }

    LogEntry withFlags(long others) {
        return new LogEntry(index, logOffsetBytes, flags | others, startBytes, lengthBytes, covered, name);
    }

    /** Encodes the entry. {@code sector} is all zeros. */
    void encode(MemorySegment sector) {
        int sectorBytes = (int) sector.byteSize();
        sector.set(LittleEndian.LONG, 0, kind() == Kind.FLUSH ? covered : startBytes / sectorBytes);
        sector.set(LittleEndian.LONG, LENGTH_AT, lengthBytes / sectorBytes);
        sector.set(LittleEndian.LONG, FLAGS_AT, flags);
        byte[] bytes = name.getBytes(UTF_8);
        sector.set(LittleEndian.LONG, NAME_LENGTH_AT, bytes.length);
        sector.asSlice(BYTES, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    }

    /** Decodes the entry in a sector of the log. */
    static LogEntry decode(MemorySegment sector, long index, long logOffsetBytes) throws WriteLogException {
        long sectorBytes = sector.byteSize();
        long place = sector.get(LittleEndian.LONG, 0);
        long length = sector.get(LittleEndian.LONG, LENGTH_AT);
        long flags = sector.get(LittleEndian.LONG, FLAGS_AT);
        long nameLength = sector.get(LittleEndian.LONG, NAME_LENGTH_AT);
        boolean isMark = (flags & MARK) != 0;
        boolean isBareFlush = flags == FLUSH && length == 0;
        long most = Long.MAX_VALUE / sectorBytes;
        if ((flags == 0 && length == 0)
                || place < 0
                || place > most
                || length < 0
                || length > most - place
                || (isMark && (nameLength < 0 || nameLength > sectorBytes - BYTES))) {
            throw new WriteLogException("entry %d of the write log is damaged".formatted(index));
        }
        String name = isMark ? decodeName(sector.asSlice(BYTES, nameLength)) : "";
        return isBareFlush
                ? new LogEntry(index, logOffsetBytes, flags, 0, 0, Math.min(place, index), name)
                : new LogEntry(index, logOffsetBytes, flags, place * sectorBytes, length * sectorBytes, 0, name);
    }

    private static String decodeName(MemorySegment bytes) {
        return new String(bytes.toArray(JAVA_BYTE), UTF_8);
    }
}
