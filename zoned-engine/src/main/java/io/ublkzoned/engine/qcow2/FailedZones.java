package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The read-only and offline zones of an image. These conditions do not follow from write pointers. Immutable.
 *
 * <p>They are in a private header extension, which other programs ignore and preserve. A record of 512 bytes is at the
 * end of its data. The record lies in one sector of the file, so a write replaces it completely or not at all. Its
 * content, big-endian: the number of ranges, then for each range the first zone, the number of zones and the
 * condition's number, 4 bytes each.
 */
public final class FailedZones {

    static final int RECORD_BYTES = 512;

    private static final int RANGE_BYTES = 3 * Integer.BYTES;
    private static final int RANGES_MAX = (RECORD_BYTES - Integer.BYTES) / RANGE_BYTES;

    private final BitSet readOnly;
    private final BitSet offline;

    private FailedZones(BitSet readOnly, BitSet offline) {
        this.readOnly = readOnly;
        this.offline = offline;
    }

    /**
     * Decodes the record in the image's header.
     *
     * @throws ImageFormatException if the record is invalid
     */
    static FailedZones read(Qcow2Header header, DeviceGeometry geometry) throws ImageFormatException {
        FailedZones zones = new FailedZones(new BitSet(), new BitSet());
        HeaderExtension extension = header.extension(HeaderExtension.FAILED_ZONES);
        if (extension == null) {
            return zones;
        }
        long size = extension.data().byteSize();
        if (size < RECORD_BYTES) {
            throw damaged("it has " + size + " bytes");
        }
        MemorySegment record = extension.data().asSlice(size - RECORD_BYTES);
        int ranges = record.get(BigEndian.INT, 0);
        if (ranges < 0 || ranges > RANGES_MAX) {
            throw damaged("it has " + Integer.toUnsignedString(ranges) + " ranges");
        }
        for (int i = 0; i < ranges; i++) {
            long at = Integer.BYTES + (long) i * RANGE_BYTES;
            int first = record.get(BigEndian.INT, at);
            int count = record.get(BigEndian.INT, at + 4);
            int code = record.get(BigEndian.INT, at + 8);
            boolean known = code == ZoneCondition.READ_ONLY.code() || code == ZoneCondition.OFFLINE.code();
            if (first < geometry.conventionalZones() || count < 1 || count > geometry.zoneCount() - first || !known) {
                throw damaged("range %d is %s zones from %s with condition %s"
                        .formatted(
                                i,
                                Integer.toUnsignedString(count),
                                Integer.toUnsignedString(first),
                                Integer.toUnsignedString(code)));
            }
            zones.bits(code == ZoneCondition.OFFLINE.code()).set(first, first + count);
        }
        if (zones.readOnly.intersects(zones.offline)) {
            throw damaged("a zone is both");
        }
        return zones;
    }

    /**
     * Positions an extension for an offset in the header. The record of failed zones must lie in one sector, so its
     * extension is padded in front. Every other extension, and a damaged one of this type, stays as it is.
     *
     * @param at the offset of the extension's type in the header's cluster
     */
    static HeaderExtension placed(HeaderExtension extension, long at) {
        long length = extension.data().byteSize();
        if (extension.type() != HeaderExtension.FAILED_ZONES || length < RECORD_BYTES) {
            return extension;
        }
        long dataAt = at + HeaderExtension.PREFIX_BYTES;
        long recordAt = Math.ceilDiv(dataAt, RECORD_BYTES) * RECORD_BYTES;
        MemorySegment data = MemorySegment.ofArray(new byte[(int) (recordAt - dataAt) + RECORD_BYTES]);
        data.asSlice(recordAt - dataAt).copyFrom(extension.data().asSlice(length - RECORD_BYTES));
        return new HeaderExtension(extension.type(), data);
    }

    private static ImageFormatException damaged(String what) {
        return new ImageFormatException("the list of read-only and offline zones in the header is damaged: " + what
                + "; restore the image from a copy");
    }

    private BitSet bits(boolean isOffline) {
        return isOffline ? offline : readOnly;
    }

    /** Returns read-only or offline, or null for a zone that is neither. */
    public @Nullable ZoneCondition condition(int zone) {
        if (offline.get(zone)) {
            return ZoneCondition.OFFLINE;
        }
        return readOnly.get(zone) ? ZoneCondition.READ_ONLY : null;
    }

    /**
     * Returns a copy in which these zones have another condition.
     *
     * @param condition the new condition, null for neither read-only nor offline
     */
    public FailedZones with(int first, int count, @Nullable ZoneCondition condition) {
        FailedZones changed = new FailedZones((BitSet) readOnly.clone(), (BitSet) offline.clone());
        changed.readOnly.set(first, first + count, condition == ZoneCondition.READ_ONLY);
        changed.offline.set(first, first + count, condition == ZoneCondition.OFFLINE);
        return changed;
    }

    /** @throws ImageFormatException if they lie in more ranges than there is room for */
    MemorySegment encode() throws ImageFormatException {
        MemorySegment record = MemorySegment.ofArray(new byte[RECORD_BYTES]);
        int ranges = 0;
        int zone = nextFailed(0);
        while (zone >= 0) {
            if (ranges == RANGES_MAX) {
                throw new ImageFormatException(
                        "an image can have at most %d ranges of read-only and offline zones".formatted(RANGES_MAX));
            }
            boolean isOffline = offline.get(zone);
            int end = bits(isOffline).nextClearBit(zone);
            ZoneCondition condition = isOffline ? ZoneCondition.OFFLINE : ZoneCondition.READ_ONLY;
            long at = Integer.BYTES + (long) ranges++ * RANGE_BYTES;
            record.set(BigEndian.INT, at, zone);
            record.set(BigEndian.INT, at + 4, end - zone);
            record.set(BigEndian.INT, at + 8, condition.code());
            zone = nextFailed(end);
        }
        record.set(BigEndian.INT, 0, ranges);
        return record;
    }

    private int nextFailed(int from) {
        int readOnlyZone = readOnly.nextSetBit(from);
        int offlineZone = offline.nextSetBit(from);
        if (readOnlyZone < 0 || offlineZone < 0) {
            return Math.max(readOnlyZone, offlineZone);
        }
        return Math.min(readOnlyZone, offlineZone);
    }
}
