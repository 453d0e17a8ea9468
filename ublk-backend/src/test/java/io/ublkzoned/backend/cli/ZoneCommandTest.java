package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command {@code zone} on an image that is not attached. The guest's tests cover devices. */
final class ZoneCommandTest {

    @TempDir
    private Path folder;

    private Path image;

    @BeforeEach
    void makeEightZonesTwoOfThemConventional() {
        image = folder.resolve("disk.qcow2");
        CommandLineRun.of("create", image, "8M", "--zone-size", "1M", "--conventional-zones", 2)
                .succeeded();
    }

    /** Returns the characters of the zones in the map. */
    private String map() {
        String map = CommandLineRun.of("report", "--map", image).succeeded().out();
        return map.lines()
                .filter(line -> line.matches(" *0  .*"))
                .map(line -> line.replaceFirst(" *0  ", ""))
                .collect(Collectors.joining());
    }

    @Test
    void zonesAreFinishedAndReset() {
        CommandLineRun.of("zone", "finish", image, "2,4-5").succeeded();
        assertEquals("==#.##..", map());
        CommandLineRun.of("zone", "reset", "--image", image, "4-7").succeeded();
        assertEquals("==#.....", map());
    }

    @Test
    void zonesFailAndRecover() {
        CommandLineRun.of("zone", "finish", image, "3").succeeded();
        CommandLineRun.of("zone", "readonly", image, "2-5").succeeded();
        CommandLineRun.of("zone", "offline", image, "5,7").succeeded();
        assertEquals("==rrrx.x", map());
        CommandLineRun.of("zone", "reset", image, "3")
                .failed(1, "zone 3: reset failed with EIO (5): 'ublk-zoned report' shows the conditions");
        CommandLineRun.of("check", image).succeeded();
        CommandLineRun.of("zone", "recover", image, "2-7").succeeded();
        assertEquals("==.#....", map());
    }

    @Test
    void imageThatCannotBeAttachedIsRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        ByteBuffer.wrap(bytes).putLong(24, (8 << 20) - (64 << 10));
        Files.write(image, bytes);
        CommandLineRun.of("zone", "finish", image, "3")
                .failed(
                        1,
                        image
                                + ": the image cannot be attached: the device size 8128K is not a whole number of zones of 1M;"
                                + " copy its data to an image made with ublk-zoned create");
        assertArrayEquals(bytes, Files.readAllBytes(image));
    }

    @Test
    void impossibleChangesAreRefused() {
        CommandLineRun.of("zone", "open", image, "3")
                .failed(1, image + " is not attached, so none of its zones can be open: add it first");
        String outside = "only the sequential zones, 2 to 7, have a condition that can change";
        CommandLineRun.of("zone", "readonly", image, "1").failed(1, outside);
        CommandLineRun.of("zone", "readonly", image, "7-8").failed(1, outside);
        CommandLineRun.of("zone", "readonly", image).failed(2, "the zones are missing; see ublk-zoned zone --help");
        for (String none : new String[] {"x", "3-2", "3,", "-", "3-4-5"}) {
            assertEquals(2, CommandLineRun.of("zone", "readonly", image, none).status(), none);
        }
        assertEquals(2, CommandLineRun.of("zone", "clear", image, "3").status());
        assertEquals("==......", map());
    }
}
