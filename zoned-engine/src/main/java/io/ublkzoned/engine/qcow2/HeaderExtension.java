package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One extension of the header (qcow2 specification, "Header extensions"): a type, and data that starts on a multiple of
 * 8 and is padded to one.
 *
 * @param type what the data is
 * @param data without the padding
 */
record HeaderExtension(int type, MemorySegment data) {

    static final int END = 0;
    static final int FEATURE_NAMES = 0x6803f857;
    static final int BITMAPS = 0x23852875;
    static final int ZONED = 0x007a6264;
    /** Ours: see {@link FailedZones}. */
    static final int FAILED_ZONES = 0x755a667a; // "uZfz"
    /** Ours: see {@link AttachRecord}. */
    static final int ATTACH = 0x755a6964; // "uZid"

    /** Ours: see {@link ExtensionSwitch}. */
    static final int MOVED = 0x755a6d76; // "uZmv"

    static final int PREFIX_BYTES = 8;

    /**
     * Reads all extensions.
     *
     * @param area the header cluster from the end of the header to where something else begins
     * @param sink is told of one that does not fit, which is then the end
     */
    static List<HeaderExtension> readAll(MemorySegment area, DamageSink sink) throws ImageFormatException {
        List<HeaderExtension> extensions = new ArrayList<>();
        long at = 0;
        while (at + PREFIX_BYTES <= area.byteSize()) {
            int type = area.get(BigEndian.INT, at);
            long length = Integer.toUnsignedLong(area.get(BigEndian.INT, at + 4));
            if (type == END) {
                break;
            }
            if (length > area.byteSize() - at - PREFIX_BYTES) {
                sink.damage("the header extension 0x%08x says that it has %d bytes, more than its cluster has room for"
                        .formatted(type, length));
                break;
            }
            extensions.add(new HeaderExtension(type, area.asSlice(at + PREFIX_BYTES, length)));
            at += PREFIX_BYTES + paddedLength(length);
        }
        return extensions;
    }

    /** Writes the extension. Returns where the next one goes. */
    long writeTo(MemorySegment cluster, long offset) {
        cluster.set(BigEndian.INT, offset, type);
        cluster.set(BigEndian.INT, offset + 4, (int) data.byteSize());
        cluster.asSlice(offset + PREFIX_BYTES, data.byteSize()).copyFrom(data);
        return offset + PREFIX_BYTES + paddedLength(data.byteSize());
    }

    /** The space that it takes in the header. */
    long paddedBytes() {
        return PREFIX_BYTES + paddedLength(data.byteSize());
    }

    /** Where its data ends in the cluster that it is a part of, with the padding. */
    long paddedEnd(MemorySegment cluster) {
        return data.address() - cluster.address() + paddedLength(data.byteSize());
    }

    private static long paddedLength(long length) {
        return length + 7 & ~7L;
    }
}
