package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * The published layouts of the zoned header extension, all under one magic: the offset of each field, and the encoding
 * of the write pointers. Each is named for the revision of the QEMU patches that introduced it, or for its byte order
 * and length.
 */
public enum ZonedLayout {
    /** Revisions 2 to 4. The only layout without a feature bit, so programs without zone support open its images. */
    V4(48, false, 4, 8, 4, 12, 16, 20, 24, 28, 512, 40, 32, 59, false),
    /** Revisions 6 and 7. */
    V6(48, true, 4, 8, 4, 12, 16, 20, 24, 28, 1, 32, 40, 59, false),
    /** Revisions 8 to 10: the first layout with zones of 4 GiB and more. */
    V8(56, true, 4, 12, 8, 20, 24, 28, 32, 36, 1, 40, 48, 59, false),
    /** The rework of 2026: 48 bytes. */
    BE48(48, true, 8, 16, 8, 24, 4, 28, 32, 36, 1, ZonedLayout.NONE, 40, 63, true),
    /** The newest layout: 44 bytes, without an append limit. */
    BE44(44, true, 8, 16, 8, 32, 4, 36, 40, ZonedLayout.NONE, 1, ZonedLayout.NONE, 24, 63, true);

    /** The length of the longest layout. */
    static final int LENGTH_MAX = 56;

    /** The offset of a field that a layout does not have. */
    private static final int NONE = -1;

    /**
     * The minimum number of zones of 4 GiB or more. With such zones a write pointer can be valid in both byte orders: 4
     * GiB reads as 16 MiB in the other. The table is ambiguous only if all zones are at such addresses at the same
     * time, and no zone except the first is at one when it is empty. Smaller zones have no such addresses.
     */
    private static final int LARGE_ZONES_MIN = 4;

    private final int lengthBytes;
    private final boolean featureBit;
    private final int zoneSizeAt;
    private final int capacityAt;
    private final int sizeWidth;
    private final int conventionalAt;
    private final int zoneCountAt;
    private final int maxActiveAt;
    private final int maxOpenAt;
    private final int maxAppendAt;
    private final int appendUnit;
    private final int tableSizeAt;
    private final int tableOffsetAt;
    private final long conventionalFlag;
    private final boolean pointersBigEndian;

    ZonedLayout(
            int lengthBytes,
            boolean featureBit,
            int zoneSizeAt,
            int capacityAt,
            int sizeWidth,
            int conventionalAt,
            int zoneCountAt,
            int maxActiveAt,
            int maxOpenAt,
            int maxAppendAt,
            int appendUnit,
            int tableSizeAt,
            int tableOffsetAt,
            int conventionalBit,
            boolean pointersBigEndian) {
        assert lengthBytes <= ZonedLayout.LENGTH_MAX;
        this.lengthBytes = lengthBytes;
        this.featureBit = featureBit;
        this.zoneSizeAt = zoneSizeAt;
        this.capacityAt = capacityAt;
        this.sizeWidth = sizeWidth;
        this.conventionalAt = conventionalAt;
        this.zoneCountAt = zoneCountAt;
        this.maxActiveAt = maxActiveAt;
        this.maxOpenAt = maxOpenAt;
        this.maxAppendAt = maxAppendAt;
        this.appendUnit = appendUnit;
        this.tableSizeAt = tableSizeAt;
        this.tableOffsetAt = tableOffsetAt;
        this.conventionalFlag = 1L << conventionalBit;
        this.pointersBigEndian = pointersBigEndian;
    }

    /** Returns the name that a user specifies. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    int lengthBytes() {
        return lengthBytes;
    }

    /** Returns whether incompatible bit 5 keeps away programs without zone support. */
    boolean hasFeatureBit() {
        return featureBit;
    }

    /** Returns whether the fields for sizes have 32 bits, so sizes end at 4 GiB. */
    boolean hasNarrowSizes() {
        return sizeWidth == Integer.BYTES;
    }

    /** Returns the bit of a write pointer that marks a conventional zone. */
    long conventionalFlag() {
        return conventionalFlag;
    }

    /** Returns whether the layout prescribes big-endian write pointers instead of little-endian ones. */
    boolean pointersBigEndian() {
        return pointersBigEndian;
    }

    /**
     * Returns whether a full zone's write pointer is the end of its capacity, as readers may require, instead of the
     * end of the zone.
     */
    boolean pointersEndAtCapacity() {
        return pointersBigEndian;
    }

    /** @throws GeometryException if an image of this layout cannot hold the device */
    void requireFits(DeviceGeometry geometry) {
        if (geometry.zoneSizeBytes() < 1L << Integer.SIZE) {
            return;
        }
        if (hasNarrowSizes()) {
            throw new GeometryException(
                    "the zone size %d does not fit layout %s, which has 32 bits for it"
                            .formatted(geometry.zoneSizeBytes(), label()),
                    "use layout " + V8.label() + " or a later one, or zones of 2G or less");
        }
        if (geometry.zoneCount() < LARGE_ZONES_MIN) {
            throw new GeometryException(
                    "the write pointers of %d zones of %d bytes can be valid in both byte orders"
                            .formatted(geometry.zoneCount(), geometry.zoneSizeBytes()),
                    "use %d zones or more".formatted(LARGE_ZONES_MIN));
        }
    }

    /**
     * Returns whether data that begins with an extension of this layout is consistent in itself and with the image.
     *
     * @param clusterBytes the image's cluster size; the write pointer table starts on a multiple of it
     */
    boolean matches(MemorySegment data, long deviceSizeBytes, int clusterBytes) {
        long zoneSize = size(data, zoneSizeAt);
        long zones = count(data, zoneCountAt);
        if (zoneSize <= 0 || zones != Math.ceilDiv(deviceSizeBytes, zoneSize)) {
            return false;
        }
        long offset = tableOffset(data);
        return tableSizeAt == NONE
                ? offset > 0 && offset % clusterBytes == 0
                : data.get(BigEndian.LONG, tableSizeAt) == zones * Long.BYTES;
    }

    long zoneSize(MemorySegment data) {
        return size(data, zoneSizeAt);
    }

    long capacity(MemorySegment data) {
        return size(data, capacityAt);
    }

    int conventionalZones(MemorySegment data) {
        return data.get(BigEndian.INT, conventionalAt);
    }

    long zoneCount(MemorySegment data) {
        return count(data, zoneCountAt);
    }

    long maxOpenZones(MemorySegment data) {
        return count(data, maxOpenAt);
    }

    long maxActiveZones(MemorySegment data) {
        return count(data, maxActiveAt);
    }

    /** Returns the append limit, 0 for none or if the layout has no such field. */
    long maxAppendBytes(MemorySegment data) {
        return maxAppendAt == NONE ? 0 : count(data, maxAppendAt) * appendUnit;
    }

    long tableOffset(MemorySegment data) {
        return data.get(BigEndian.LONG, tableOffsetAt);
    }

    private long size(MemorySegment data, int at) {
        return hasNarrowSizes() ? count(data, at) : data.get(BigEndian.LONG, at);
    }

    private static long count(MemorySegment data, int at) {
        return Integer.toUnsignedLong(data.get(BigEndian.INT, at));
    }

    /** Encodes all fields except the first, which is the same in all layouts. */
    void encode(MemorySegment data, DeviceGeometry geometry, long maxAppendBytes, long tableOffset) {
        putSize(data, zoneSizeAt, geometry.zoneSizeBytes());
        putSize(data, capacityAt, geometry.capacityBytes());
        data.set(BigEndian.INT, conventionalAt, geometry.conventionalZones());
        data.set(BigEndian.INT, zoneCountAt, geometry.zoneCount());
        data.set(BigEndian.INT, maxActiveAt, geometry.maxActiveZones());
        data.set(BigEndian.INT, maxOpenAt, geometry.maxOpenZones());
        if (maxAppendAt != NONE) {
            data.set(BigEndian.INT, maxAppendAt, (int) (maxAppendBytes / appendUnit));
        }
        if (tableSizeAt != NONE) {
            data.set(BigEndian.LONG, tableSizeAt, (long) geometry.zoneCount() * Long.BYTES);
        }
        data.set(BigEndian.LONG, tableOffsetAt, tableOffset);
    }

    private void putSize(MemorySegment data, int at, long value) {
        if (hasNarrowSizes()) {
            data.set(BigEndian.INT, at, (int) value);
        } else {
            data.set(BigEndian.LONG, at, value);
        }
    }
}
