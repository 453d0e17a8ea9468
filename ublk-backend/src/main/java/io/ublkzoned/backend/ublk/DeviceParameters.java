package io.ublkzoned.backend.ublk;

import static io.ublkzoned.engine.zone.DeviceGeometry.SECTOR_SHIFT;

import io.ublkzoned.bindings.ublk.UblkParameters;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.Arena;

/** The limits of a device in the kernel. {@code add} sets them, and {@code recover} compares them. */
final class DeviceParameters {

    private static final int PHYSICAL_BLOCK_BYTES = 4096;

    private DeviceParameters() {}

    /** Sets the limits of a device before it is started. */
    static void set(UblkControl control, DeviceInfo info, DeviceShape shape) throws IOException {
        DeviceGeometry geometry = shape.geometry();
        int maxSectors = info.maxIoBytes() >>> SECTOR_SHIFT;
        long appendSectors = Math.min(maxSectors, geometry.capacityBytes() >>> SECTOR_SHIFT);
        try (Arena arena = Arena.ofConfined()) {
            UblkParameters parameters = new UblkParameters(arena)
                    .basic(
                            UblkParameters.ATTR_VOLATILE_CACHE | UblkParameters.ATTR_FUA,
                            Integer.numberOfTrailingZeros(shape.blockBytes()),
                            Integer.numberOfTrailingZeros(PHYSICAL_BLOCK_BYTES),
                            maxSectors,
                            zoneSectors(geometry),
                            geometry.sizeBytes() >>> SECTOR_SHIFT)
                    .zoned(geometry.maxOpenZones(), geometry.maxActiveZones(), (int) appendSectors);
            control.setParameters(info.id(), parameters);
        }
    }

    /**
     * Requires that the device in the kernel has this shape. Otherwise the kernel would send requests that do not match
     * the zones of the image.
     *
     * @throws IOException with a sentence if the shapes differ
     */
    static void requireShape(UblkControl control, DeviceInfo info, DeviceShape shape) throws IOException {
        DeviceGeometry geometry = shape.geometry();
        try (Arena arena = Arena.ofConfined()) {
            UblkParameters parameters = new UblkParameters(arena);
            control.parameters(info.id(), parameters);
            boolean same = parameters.deviceSectors() == geometry.sizeBytes() >>> SECTOR_SHIFT
                    && parameters.chunkSectors() == zoneSectors(geometry)
                    && 1 << parameters.logicalBlockShift() == shape.blockBytes()
                    && parameters.maxOpenZones() == geometry.maxOpenZones()
                    && parameters.maxActiveZones() == geometry.maxActiveZones()
                    && info.queues() * info.queueDepth() == shape.slots();
            if (!same) {
                throw new IOException(
                        "the kernel's device %d does not match its saved state: 'ublk-zoned del %1$d' closes its image"
                                .formatted(info.id()));
            }
        }
    }

    private static int zoneSectors(DeviceGeometry geometry) {
        return (int) (geometry.zoneSizeBytes() >>> SECTOR_SHIFT);
    }
}
