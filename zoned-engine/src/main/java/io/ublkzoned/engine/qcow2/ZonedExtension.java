package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.GeometryException;
import io.ublkzoned.engine.ImageFormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The header extension that makes a qcow2 image a zoned one. Several layouts of it were published under one magic; see
 * {@link Layout}.
 *
 * @param layout how the fields lie, which the image keeps for ever
 * @param geometry the device
 * @param maxAppendBytes the longest append that the image's maker offered; this program has a limit of its own
 * @param tableOffset where the write pointer table is in the file
 */
record ZonedExtension(Layout layout, DeviceGeometry geometry, long maxAppendBytes, long tableOffset) {

    /** The append limit that QEMU's own images get by default. */
    private static final long MAX_APPEND_BYTES = 64 << 10;

    private static final byte HOST_MANAGED = 1;

    /** Says that a layout has no such field. */
    private static final int NONE = -1;

    /**
     * The published layouts, by the revision of the QEMU patches that introduced them: where each field is, and how the
     * write pointers are stored.
     */
    enum Layout {
        V4("v4", 48, false, 4, 8, 4, 12, 16, 20, 24, 28, 512, 40, 32, 59, false),
        V6("v6", 48, true, 4, 8, 4, 12, 16, 20, 24, 28, 1, 32, 40, 59, false),
        V8("v8", 56, true, 4, 12, 8, 20, 24, 28, 32, 36, 1, 40, 48, 59, false),
        BIG_ENDIAN_48("2026, 48 bytes", 48, true, 8, 16, 8, 24, 4, 28, 32, 36, 1, NONE, 40, 63, true),
        BIG_ENDIAN_44("2026, 44 bytes", 44, true, 8, 16, 8, 32, 4, 36, 40, NONE, 1, NONE, 24, 63, true);

        private final String text;
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

        Layout(
                String text,
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
            this.text = text;
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

        /** The bit of a write pointer that says that the zone is conventional. */
        long conventionalFlag() {
            return conventionalFlag;
        }

        /** Whether write pointers are big-endian; little-endian otherwise. */
        boolean pointersBigEndian() {
            return pointersBigEndian;
        }

        /** @throws GeometryException if a field of this layout is too narrow for the device */
        void requireFits(DeviceGeometry geometry) {
            if (sizeWidth == Integer.BYTES && geometry.zoneSizeBytes() >= 1L << Integer.SIZE) {
                throw new GeometryException(
                        "A zone size of %d bytes does not fit the image's header, which has 32 bits for it: use 2G or less"
                                .formatted(geometry.zoneSizeBytes()));
            }
        }

        private boolean matches(MemorySegment data, long deviceSizeBytes) {
            if (data.byteSize() != lengthBytes) {
                return false;
            }
            long zoneSize = size(data, zoneSizeAt);
            long zones = count(data, zoneCountAt);
            return zoneSize > 0
                    && zones == Math.ceilDiv(deviceSizeBytes, zoneSize)
                    && (tableSizeAt == NONE || data.get(BigEndian.LONG, tableSizeAt) == zones * Long.BYTES);
        }

        private long size(MemorySegment data, int at) {
            return sizeWidth == Integer.BYTES ? count(data, at) : data.get(BigEndian.LONG, at);
        }

        private static long count(MemorySegment data, int at) {
            return Integer.toUnsignedLong(data.get(BigEndian.INT, at));
        }

        private void putSize(MemorySegment data, int at, long value) {
            if (sizeWidth == Integer.BYTES) {
                data.set(BigEndian.INT, at, (int) value);
            } else {
                data.set(BigEndian.LONG, at, value);
            }
        }
    }

    /** The extension of a new device. */
    static ZonedExtension create(Layout layout, DeviceGeometry geometry, long tableOffset) {
        // A reader of a later revision wants the limit to be less than the capacity by more than a sector.
        long half = geometry.capacityBytes() / 2 / DeviceGeometry.SECTOR_BYTES * DeviceGeometry.SECTOR_BYTES;
        long maxAppend = Math.clamp(half, DeviceGeometry.SECTOR_BYTES, MAX_APPEND_BYTES);
        return new ZonedExtension(layout, geometry, maxAppend, tableOffset);
    }

    /**
     * Reads the extension of an image.
     *
     * @throws ImageFormatException if the image has none, or a damaged one, or one that breaks a rule for devices
     */
    static ZonedExtension read(Qcow2Header header) throws ImageFormatException {
        HeaderExtension extension = header.extension(HeaderExtension.ZONED);
        if (extension == null) {
            throw damaged("it is missing, although the image is marked as zoned");
        }
        MemorySegment data = extension.data();
        if (data.byteSize() == 0 || data.get(ValueLayout.JAVA_BYTE, 0) != HOST_MANAGED) {
            throw damaged("it does not say that the device is host-managed");
        }
        Layout layout = detect(data, header.deviceSizeBytes());
        if (layout.featureBit != header.has(FeatureBits.ZONED)) {
            throw damaged("its layout is that of %s, but incompatible feature bit 5 is %s"
                    .formatted(layout.text, layout.featureBit ? "clear" : "set"));
        }
        try {
            DeviceGeometry geometry = new DeviceGeometry(
                    header.deviceSizeBytes(),
                    layout.size(data, layout.zoneSizeAt),
                    layout.size(data, layout.capacityAt),
                    data.get(BigEndian.INT, layout.conventionalAt),
                    data.get(BigEndian.INT, layout.maxOpenAt),
                    data.get(BigEndian.INT, layout.maxActiveAt));
            geometry.requireClusterSize(header.clusterBytes());
            long maxAppend =
                    layout.maxAppendAt == NONE ? 0 : Layout.count(data, layout.maxAppendAt) * layout.appendUnit;
            return new ZonedExtension(layout, geometry, maxAppend, data.get(BigEndian.LONG, layout.tableOffsetAt));
        } catch (GeometryException e) {
            throw new ImageFormatException(e.getMessage());
        }
    }

    /** Finds the one layout whose zone count and table size agree with the device's size. */
    private static Layout detect(MemorySegment data, long deviceSizeBytes) throws ImageFormatException {
        List<Layout> matches = new ArrayList<>();
        for (Layout layout : Layout.values()) {
            if (layout.matches(data, deviceSizeBytes)) {
                matches.add(layout);
            }
        }
        return switch (matches.size()) {
            case 0 ->
                throw damaged("its %d bytes agree with no known layout on a device of %d bytes"
                        .formatted(data.byteSize(), deviceSizeBytes));
            case 1 -> matches.getFirst();
            default ->
                throw damaged("it can be read as layout "
                        + matches.stream().map(layout -> layout.text).collect(Collectors.joining(" and as ")));
        };
    }

    private static ImageFormatException damaged(String how) {
        return new ImageFormatException(
                "the zoned header extension is damaged: %s; restore the image from a copy".formatted(how));
    }

    /** @throws ImageFormatException if this version does not work on images of this layout */
    void requireSupported() throws ImageFormatException {
        if (layout != Layout.V6) {
            throw new ImageFormatException(
                    "the image has the zoned header extension of layout %s, and this version supports %s only: use the program that made it"
                            .formatted(layout.text, Layout.V6.text));
        }
    }

    /** Encodes the extension. */
    HeaderExtension encode() {
        MemorySegment data = MemorySegment.ofArray(new byte[layout.lengthBytes]);
        data.set(ValueLayout.JAVA_BYTE, 0, HOST_MANAGED);
        layout.putSize(data, layout.zoneSizeAt, geometry.zoneSizeBytes());
        layout.putSize(data, layout.capacityAt, geometry.capacityBytes());
        data.set(BigEndian.INT, layout.conventionalAt, geometry.conventionalZones());
        data.set(BigEndian.INT, layout.zoneCountAt, geometry.zoneCount());
        data.set(BigEndian.INT, layout.maxActiveAt, geometry.maxActiveZones());
        data.set(BigEndian.INT, layout.maxOpenAt, geometry.maxOpenZones());
        if (layout.maxAppendAt != NONE) {
            data.set(BigEndian.INT, layout.maxAppendAt, (int) (maxAppendBytes / layout.appendUnit));
        }
        if (layout.tableSizeAt != NONE) {
            data.set(BigEndian.LONG, layout.tableSizeAt, tableBytes());
        }
        data.set(BigEndian.LONG, layout.tableOffsetAt, tableOffset);
        return new HeaderExtension(HeaderExtension.ZONED, data);
    }

    /** The length of the write pointer table. */
    long tableBytes() {
        return (long) geometry.zoneCount() * Long.BYTES;
    }
}
