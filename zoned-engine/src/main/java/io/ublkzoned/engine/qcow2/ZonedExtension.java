package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The header extension of a zoned image. Several layouts of it were published under one magic; see {@link ZonedLayout}.
 * Only {@link LayoutConverter} rewrites it in a file, so the bytes of a longer extension behind the known fields stay.
 *
 * @param layout the layout of the fields, which the image keeps until it is converted
 * @param geometry the device
 * @param tableOffset the offset of the write pointer table in the file
 */
record ZonedExtension(ZonedLayout layout, DeviceGeometry geometry, long tableOffset) {

    /** The append limit that QEMU gives its own images by default. This program uses a different limit. */
    private static final long MAX_APPEND_BYTES = 64 << 10;

    /** The largest limit in whole KiB that fits the 32 bits of most layouts. */
    private static final long MAX_APPEND_BYTES_MAX = (1L << 32) - (1 << 10);

    private static final byte HOST_MANAGED = 1;

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
        ZonedLayout layout = detect(data, header);
        if (layout.hasFeatureBit() != header.has(FeatureBits.ZONED)) {
            throw damaged("its layout is that of %s, but incompatible feature bit 5 is %s"
                    .formatted(layout.label(), layout.hasFeatureBit() ? "clear" : "set"));
        }
        try {
            DeviceGeometry geometry = geometry(layout, data, header.deviceSizeBytes());
            geometry.requireClusterSize(header.clusterBytes());
            return new ZonedExtension(layout, geometry, layout.tableOffset(data));
        } catch (GeometryException e) {
            throw new ImageFormatException(e.rule() + ": copy its data to an image made with ublk-zoned create");
        }
    }

    /** @throws ImageFormatException if ublk cannot serve the device */
    void requireAttachable(int clusterSizeBytes) throws ImageFormatException {
        try {
            geometry.requireAttachable(clusterSizeBytes);
        } catch (GeometryException e) {
            throw new ImageFormatException("the image cannot be attached: " + e.rule()
                    + "; copy its data to an image made with ublk-zoned create");
        }
    }

    /** Decodes the geometry. A limit above the number of zones is lowered, as the readers of all layouts do. */
    private static DeviceGeometry geometry(ZonedLayout layout, MemorySegment data, long deviceSizeBytes) {
        long maxActive = Math.min(layout.maxActiveZones(data), layout.zoneCount(data));
        long maxOpen = Math.min(layout.maxOpenZones(data), maxActive == 0 ? layout.zoneCount(data) : maxActive);
        return new DeviceGeometry(
                deviceSizeBytes,
                layout.zoneSize(data),
                layout.capacity(data),
                layout.conventionalZones(data),
                (int) maxOpen,
                (int) maxActive);
    }

    /** Returns the only layout that is consistent in itself and with the image. */
    private static ZonedLayout detect(MemorySegment data, Qcow2Header header) throws ImageFormatException {
        List<ZonedLayout> matches = new ArrayList<>(candidates(data.byteSize()));
        matches.removeIf(layout -> !layout.matches(data, header.deviceSizeBytes(), header.clusterBytes()));
        if (matches.size() > 1) {
            // If the table's size and offset are the same number, only the bit distinguishes v4 from v6.
            matches.removeIf(layout -> layout.hasFeatureBit() != header.has(FeatureBits.ZONED)
                    || layout.tableOffset(data) > header.fileBytes());
        }
        return switch (matches.size()) {
            case 0 ->
                throw damaged("its %d bytes agree with no known layout on a device of %d bytes"
                        .formatted(data.byteSize(), header.deviceSizeBytes()));
            case 1 -> matches.getFirst();
            default ->
                throw damaged("it can be read as layout "
                        + matches.stream().map(ZonedLayout::label).collect(Collectors.joining(" and as ")));
        };
    }

    /**
     * Returns the layouts of exactly this length. If no layout has it, returns the shorter ones, which a later revision
     * may have extended.
     */
    private static List<ZonedLayout> candidates(long lengthBytes) {
        List<ZonedLayout> exact = Arrays.stream(ZonedLayout.values())
                .filter(layout -> layout.lengthBytes() == lengthBytes)
                .toList();
        return exact.isEmpty()
                ? Arrays.stream(ZonedLayout.values())
                        .filter(layout -> layout.lengthBytes() < lengthBytes)
                        .toList()
                : exact;
    }

    private static ImageFormatException damaged(String how) {
        return new ImageFormatException(
                "the zoned header extension is damaged: %s; restore the image from a copy".formatted(how));
    }

    /** Encodes the extension. */
    HeaderExtension encode() {
        return encode(MAX_APPEND_BYTES);
    }

    /**
     * Encodes the extension.
     *
     * @param maxAppendBytes the limit of an append; lowered where needed, because the readers from revision 7 on
     *     require it to be less than the capacity by more than a sector
     */
    HeaderExtension encode(long maxAppendBytes) {
        MemorySegment data = MemorySegment.ofArray(new byte[layout.lengthBytes()]);
        data.set(ValueLayout.JAVA_BYTE, 0, HOST_MANAGED);
        long most = Math.min(geometry.capacityBytes() - 2L * DeviceGeometry.SECTOR_BYTES, MAX_APPEND_BYTES_MAX);
        long limit = Math.max(Math.min(maxAppendBytes, most), DeviceGeometry.SECTOR_BYTES);
        layout.encode(data, geometry, limit - limit % DeviceGeometry.SECTOR_BYTES, tableOffset);
        return new HeaderExtension(HeaderExtension.ZONED, data);
    }

    /** Returns the append limit that an image has for QEMU, or the default of QEMU's images. */
    static long maxAppendBytes(Qcow2Header header, ZonedLayout layout) {
        HeaderExtension extension = header.extension(HeaderExtension.ZONED);
        long found = extension == null ? 0 : layout.maxAppendBytes(extension.data());
        return found == 0 ? MAX_APPEND_BYTES : found;
    }

    /** Returns the length of the write pointer table. */
    long tableBytes() {
        return (long) geometry.zoneCount() * Long.BYTES;
    }
}
