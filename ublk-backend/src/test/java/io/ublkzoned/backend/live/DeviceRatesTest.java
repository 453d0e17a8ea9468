package io.ublkzoned.backend.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.ublk.DeviceActivity;
import io.ublkzoned.backend.ublk.DeviceWithoutDriver;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rates between samples of a device that works, and of one that comes back. */
final class DeviceRatesTest {

    private static final long ZONE = 1 << 20;
    private static final int BLOCK = 4096;
    private static final long NANOS = 1_000_000_000;

    @TempDir
    private Path folder;

    private DeviceWithoutDriver device(String name) throws IOException {
        return new DeviceWithoutDriver(
                Files.createDirectory(folder.resolve(name)),
                FormatOptions.ofSize(16 * ZONE).zoneSize(ZONE).build());
    }

    /** Returns a sample of the device, as if it had been up for this time. */
    private static DeviceSample sample(DeviceWithoutDriver device, long upSeconds) throws IOException {
        DeviceActivity now = device.activity();
        return new DeviceSample(
                new DeviceActivity(now.startMillis(), upSeconds * NANOS, now.geometry(), now.zones(), now.operations()),
                device.zones());
    }

    private static void write(DeviceWithoutDriver device, int zone, int requests) {
        for (int i = 0; i < requests; i++) {
            device.run(BlockOp.ZONE_APPEND, zone * ZONE, BLOCK);
        }
    }

    @Test
    void requestsBetweenTheSamplesCount() throws IOException {
        try (DeviceWithoutDriver device = device("a")) {
            write(device, 3, 5);
            DeviceSample before = sample(device, 10);
            write(device, 3, 2);
            write(device, 7, 8);
            DeviceRates rates = DeviceRates.between(before, sample(device, 14));
            assertEquals(4, rates.seconds());
            assertEquals(2.5, rates.of(BlockOp.ZONE_APPEND).requestsPerSecond());
            assertEquals(2.5 * BLOCK, rates.of(BlockOp.ZONE_APPEND).bytesPerSecond());
            assertEquals(0, rates.of(BlockOp.ZONE_APPEND).errorsPerSecond());
            assertEquals(OperationRates.NONE, rates.of(BlockOp.READ));
            assertEquals(
                    List.of(new DeviceRates.BusyZone(7, 2), new DeviceRates.BusyZone(3, 0.5)), rates.busiestZones());
        }
    }

    @Test
    void onlyTheNewServerCountsAfterARestart() throws Exception {
        DeviceSample before;
        try (DeviceWithoutDriver device = device("a")) {
            write(device, 3, 50);
            before = sample(device, 100);
        }
        Thread.sleep(2); // the start differs
        try (DeviceWithoutDriver device = device("b")) {
            write(device, 3, 6);
            DeviceRates rates = DeviceRates.between(before, sample(device, 2));
            assertEquals(2, rates.seconds());
            assertEquals(3, rates.of(BlockOp.ZONE_APPEND).requestsPerSecond());
            assertEquals(List.of(new DeviceRates.BusyZone(3, 3)), rates.busiestZones());
        }
    }

    @Test
    void atMostEightZonesAreTheBusiest() throws IOException {
        try (DeviceWithoutDriver device = device("a")) {
            DeviceSample before = sample(device, 1);
            for (int zone = 0; zone < 16; zone++) {
                write(device, zone, 1 + zone);
            }
            List<DeviceRates.BusyZone> busiest =
                    DeviceRates.between(before, sample(device, 2)).busiestZones();
            assertEquals(8, busiest.size());
            assertEquals(15, busiest.getFirst().zone());
            assertTrue(busiest.stream().allMatch(zone -> zone.zone() >= 8));
        }
    }
}
