package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.live.AttachedDevice;
import io.ublkzoned.backend.live.DeviceRates;
import io.ublkzoned.backend.live.DeviceSample;
import io.ublkzoned.backend.ublk.DeviceWithoutDriver;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WatchScreenTest {

    private static final long ZONE = 1 << 20;
    private static final int BLOCK = 4096;

    @TempDir
    private Path folder;

    /** Returns the lines of a device in which a block was appended to the last zone. */
    private List<String> lines(int zones) throws IOException {
        try (DeviceWithoutDriver device = new DeviceWithoutDriver(
                folder, FormatOptions.ofSize(zones * ZONE).zoneSize(ZONE).build())) {
            DeviceSample before = new DeviceSample(device.activity(), device.zones());
            device.run(BlockOp.ZONE_APPEND, (zones - 1) * ZONE, BLOCK);
            DeviceSample now = new DeviceSample(device.activity(), device.zones());
            StringWriter text = new StringWriter();
            try (WatchScreen screen = new WatchScreen(new PrintWriter(text), false)) {
                screen.show(new AttachedDevice(0, "/images/\033[31mdisk", ""), now, DeviceRates.between(before, now));
            }
            return text.toString().lines().toList();
        }
    }

    private static List<String> map(List<String> lines) {
        return lines.stream().filter(line -> line.matches(" *[0-9]+  [.o]+")).toList();
    }

    @Test
    void deviceOfOneZoneHasAMapOfOneCharacter() throws IOException {
        List<String> lines = lines(1);
        assertEquals(List.of("0  o"), map(lines));
        assertTrue(lines.getFirst().endsWith(": 1 zone of 1M"), lines::toString);
    }

    @Test
    void largeDeviceShowsItsOpenZoneAmongEmptyOnes() throws IOException {
        List<String> lines = lines(65_536);
        List<String> map = map(lines);
        assertTrue(lines.size() <= 48, lines::toString);
        assertTrue(map.size() > 16, lines::toString);
        assertEquals(
                1, String.join("", map).chars().filter(symbol -> symbol == 'o').count());
        assertTrue(map.getLast().endsWith(".o"), lines::toString);
        assertTrue(lines.contains(". empty 65535   o implicit-open 1"), lines::toString);
        assertTrue(lines.getLast().isEmpty());
        assertTrue(
                lines.stream().anyMatch(line -> line.matches("busiest zones: 65535 \\([0-9]+/s\\)")), lines::toString);
    }

    @Test
    void controlCharactersOfAPathDoNotReachTheTerminal() throws IOException {
        assertTrue(lines(2).stream().noneMatch(line -> line.contains("\033")));
    }
}
