package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.NewImage;
import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ZoneReportEncoderTest {

    private static final long ZONE_SECTORS = 2048;
    private static final int ZONES = 8;

    @TempDir
    Path folder;

    @Test
    void failedZonesHaveNoWritePointerUntilTheyRecover() throws IOException {
        try (NewImage image = NewImage.create(folder.resolve("disk.qcow2"));
                Arena arena = Arena.ofConfined()) {
            FdImageFile file = image.file();
            ImageFormatter.format(
                    file,
                    FormatOptions.ofSize(ZONES << 20)
                            .zoneSize(1 << 20)
                            .conventionalZones(2)
                            .build());
            ZonedDevice device = ZonedDevice.open(file, () -> {});
            DeviceShape shape = new DeviceShape(device.geometry(), 4096, 1);
            StateFile state = StateFile.create(folder.resolve("state"), DeviceState.sizeBytes(shape));
            device.begin(DeviceState.prepare(
                    state.memory(), shape, new UUID(1, 1), new ImageIdentity(new UUID(2, 2), 1, 1)));
            change(device, 3, ZoneCondition.READ_ONLY);
            change(device, 4, ZoneCondition.OFFLINE);
            MemorySegment zones = arena.allocate((long) ZONES * BlkZone.BYTES, Long.BYTES);

            assertEquals(zones.byteSize(), new ZoneReportEncoder(device).encode(0, ZONES, zones));
            assertZone(zones, 1, BlkZone.TYPE_CONVENTIONAL, BlkZone.COND_NOT_WP, 2 * ZONE_SECTORS);
            assertZone(zones, 2, BlkZone.TYPE_SEQWRITE_REQ, BlkZone.COND_EMPTY, 2 * ZONE_SECTORS);
            assertZone(zones, 3, BlkZone.TYPE_SEQWRITE_REQ, BlkZone.COND_READONLY, -1);
            assertZone(zones, 4, BlkZone.TYPE_SEQWRITE_REQ, BlkZone.COND_OFFLINE, -1);

            change(device, 3, null);
            new ZoneReportEncoder(device).encode(0, ZONES, zones);
            assertZone(zones, 3, BlkZone.TYPE_SEQWRITE_REQ, BlkZone.COND_EMPTY, 3 * ZONE_SECTORS);
            device.close();
            state.close();
        }
    }

    private static void change(ZonedDevice device, int zone, @Nullable ZoneCondition condition) {
        var changed = device.changeCondition(zone, 1, condition);
        device.maintain();
        changed.join();
    }

    private static void assertZone(MemorySegment zones, int index, int type, int condition, long writePointer) {
        assertEquals(index * ZONE_SECTORS, BlkZone.startSector(zones, index));
        assertEquals(type, BlkZone.type(zones, index));
        assertEquals(condition, BlkZone.condition(zones, index));
        assertEquals(writePointer, BlkZone.writePointerSector(zones, index));
    }
}
