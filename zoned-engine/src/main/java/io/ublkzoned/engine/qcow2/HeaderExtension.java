package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One extension of the header (qcow2 specification, "Header extensions"): a type, and data that starts at a multiple of
 * 8 and is padded to one.
 *
 * @param type the type number of the data
 * @param data the data without the padding
 */
record HeaderExtension(int type, MemorySegment data) {

    static final int END = 0;
    static final int FEATURE_NAMES = 0x6803f857;
    static final int BITMAPS = 0x23852875;
    static final int ZONED = 0x007a6264;
    /** Private: see {@link FailedZones}. */
    static final int FAILED_ZONES = 0x755a667a; // "uZfz"
    /** Private: see {@link AttachRecord}. */
    static final int ATTACH = 0x755a6964; // "uZid"

    /** Private: see {@link ExtensionSwitch}. */
    static final int MOVED = 0x755a6d76; // "uZmv"

    static final int PREFIX_BYTES = 8;

    /**
     * Reads all extensions.
     *
     * @param area the header cluster from the end of the header to the start of other content
     * @param onDamage called with an extension that does not fit; reading stops there
     */
    static List<HeaderExtension> readAll(MemorySegment area, DamageHandler onDamage) throws ImageFormatException {
        List<HeaderExtension> extensions = new ArrayList<>();
        long at = 0;
        while (at + PREFIX_BYTES <= area.byteSize()) {
            int type = area.get(BigEndian.INT, at);
            long length = Integer.toUnsignedLong(area.get(BigEndian.INT, at + 4));
            if (type == END) {
                break;
            }
            if (length > area.byteSize() - at - PREFIX_BYTES) {
                onDamage.handle(
                        "the header extension 0x%08x says that it has %d bytes, more than its cluster has room for"
                                .formatted(type, length));
                break;
            }
            extensions.add(new HeaderExtension(type, area.asSlice(at + PREFIX_BYTES, length)));
            at += PREFIX_BYTES + paddedLength(length);
        }
        return extensions;
    }

    /** Writes the extension. Returns the offset of the next one. */
    long writeTo(MemorySegment cluster, long offset) {
        cluster.set(BigEndian.INT, offset, type);
        cluster.set(BigEndian.INT, offset + 4, (int) data.byteSize());
        cluster.asSlice(offset + PREFIX_BYTES, data.byteSize()).copyFrom(data);
        return offset + PREFIX_BYTES + paddedLength(data.byteSize());
    }

    /** Returns the space that the extension takes in the header. */
    long paddedBytes() {
        return PREFIX_BYTES + paddedLength(data.byteSize());
    }

    /** Returns the end of the padded data in the cluster that contains it. */
    long paddedEnd(MemorySegment cluster) {
        return data.address() - cluster.address() + paddedLength(data.byteSize());
    }

    private static long paddedLength(long length) {
        return length + 7 & ~7L;
    }
}
