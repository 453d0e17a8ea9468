package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {

    private static final long ZONE = 64L << 20;
    private static final int ZONED_EXTENSION = 0x007a6264;
    private static final int TABLE_OFFSET_FIELD = 24;
    private static final int DEVICE_SIZE = 24;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final long ZONED_BIT = 1 << 5;
    private static final long DIRTY_BIT = 1;
    private static final long CORRUPT_BIT = 2;

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void makeImage() throws IOException {
        image = folder.resolve("disk.qcow2");
        CommandLineRun.of(
                        "create",
                        image,
                        "256M",
                        "--zone-size",
                        "64M",
                        "--zone-capacity",
                        "48M",
                        "--conventional-zones",
                        1)
                .succeeded();
        setWritePointer(2, 2 * ZONE + 4096);
        setWritePointer(3, 3 * ZONE + (48L << 20));
    }

    /** Changes the table that the zoned extension of layout be44 points to. */
    private void setWritePointer(int zone, long bytes) throws IOException {
        ByteBuffer header = ByteBuffer.wrap(Files.readAllBytes(image));
        int extension = header.getInt(100);
        while (header.getInt(extension) != ZONED_EXTENSION) {
            extension += 8 + (header.getInt(extension + 4) + 7 & ~7);
        }
        long table = header.getLong(extension + 8 + TABLE_OFFSET_FIELD);
        ByteBuffer entry = ByteBuffer.allocate(8).putLong(0, bytes);
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.write(entry, table + 8L * zone);
        }
    }

    @Test
    void tableHasOneLinePerZone() {
        assertEquals("""
                zone  start  length  capacity  write pointer  type          condition
                   0      0     64M       64M              -  conventional  not-wp
                   1    64M     64M       48M             +0  sequential    empty
                   2   128M     64M       48M            +4K  sequential    closed
                   3   192M     64M       48M              -  sequential    full
                """, CommandLineRun.of("report", image).succeeded().out());
    }

    @Test
    void jsonHasSizesInBytes() {
        assertEquals(
                "{\"zones\":["
                        + "{\"index\":0,\"start\":0,\"length\":67108864,\"capacity\":67108864,"
                        + "\"writePointer\":null,\"type\":\"conventional\",\"condition\":\"not-wp\"},"
                        + "{\"index\":1,\"start\":67108864,\"length\":67108864,\"capacity\":50331648,"
                        + "\"writePointer\":67108864,\"type\":\"sequential\",\"condition\":\"empty\"},"
                        + "{\"index\":2,\"start\":134217728,\"length\":67108864,\"capacity\":50331648,"
                        + "\"writePointer\":134221824,\"type\":\"sequential\",\"condition\":\"closed\"},"
                        + "{\"index\":3,\"start\":201326592,\"length\":67108864,\"capacity\":50331648,"
                        + "\"writePointer\":268435456,\"type\":\"sequential\",\"condition\":\"full\"}]}\n",
                CommandLineRun.of("report", "--json", image).succeeded().out());
    }

    @Test
    void failedZoneOfAnImageKeepsItsWritePointerAndOneOfADeviceHasNone() throws IOException {
        CommandLineRun.of("zone", "readonly", image, "2").succeeded();
        String zone = "{\"index\":2,\"start\":134217728,\"length\":67108864,\"capacity\":50331648,"
                + "\"writePointer\":%s,\"type\":\"sequential\",\"condition\":\"read-only\"}";
        assertEquals(
                "{\"zones\":[" + zone.formatted("134221824") + "]}\n",
                CommandLineRun.of("report", "--json", image, "-o", "128M", "-c", 1)
                        .succeeded()
                        .out());
        ReportedZone ofDevice =
                new ReportedZone(2, 2 * ZONE, ZONE, 48 << 20, ReportedZone.UNKNOWN, ZoneCondition.READ_ONLY);
        assertEquals(zone.formatted("null"), ReportCommand.json(ofDevice));
        assertEquals(
                "   2   128M     64M       48M              -  sequential  read-only\n",
                CommandLineRun.of("report", image, "-o", "128M", "-c", 1)
                        .succeeded()
                        .out()
                        .replaceFirst(".*\n", ""));
    }

    @Test
    void offsetAndCountChooseZones() {
        String two = CommandLineRun.of("report", image, "-o", "100M", "-c", 2)
                .succeeded()
                .out();
        assertEquals(
                List.of("zone", "   1", "   2"),
                two.lines().map(line -> line.substring(0, 4)).toList());
        assertEquals(
                2,
                CommandLineRun.of("report", image, "-o", "255M", "-c", 9)
                        .succeeded()
                        .out()
                        .lines()
                        .count());
        CommandLineRun.of("report", image, "-o", "1G")
                .failed(1, "the offset 1G is past the end of the device, whose size is 256M");
        CommandLineRun.of("report", image, "-c", 0)
                .failed(2, "the count must be at least 1, not 0; see ublk-zoned report --help");
    }

    @Test
    void mapHasALegend() {
        assertEquals(
                image + """
                : 4 zones of 64M, capacity 48M, 1 conventional

                0  =.c#

                = conventional 1   . empty 1   c closed 1   # full 1
                """,
                CommandLineRun.of("report", "--map", "--image", image)
                        .succeeded()
                        .out());
    }

    @Test
    void mapOfManyZonesOmitsRepeatedRows() {
        List<ReportedZone> zones = new ArrayList<>();
        for (int i = 0; i < 65_536; i++) {
            ZoneCondition condition = i == 40_000 ? ZoneCondition.IMPLICIT_OPEN : ZoneCondition.EMPTY;
            zones.add(new ReportedZone(i, i * ZONE, ZONE, ZONE, i * ZONE, condition));
        }
        StringWriter text = new StringWriter();
        ZoneMapText.print("disk.qcow2", zones, new PrintWriter(text, true));
        String row = ".".repeat(64);
        assertEquals(
                "disk.qcow2: 65536 zones of 64M\n\n"
                        + "    0  " + row + "\n    *\n"
                        + "40000  o" + ".".repeat(63) + "\n"
                        + "40064  " + row + "\n    *\n"
                        + "65472  " + row + "\n\n"
                        + ". empty 65535   o implicit-open 1\n",
                text.toString());
    }

    /** The device size in the header makes the last zone smaller. */
    @Test
    void smallerLastZoneIsShown() throws IOException {
        makeLastZoneSmaller();
        assertEquals(
                "   3   192M     32M       32M             +0  sequential    empty",
                CommandLineRun.of("report", image)
                        .succeeded()
                        .out()
                        .lines()
                        .toList()
                        .getLast());
        String info = CommandLineRun.of("info", image).succeeded().out();
        assertTrue(
                info.contains(
                        "size:      224M\nzones:     4 zones of 64M, capacity 48M, 1 conventional, the last of 32M\n"),
                info);
        CommandLineRun.of("check", image).succeeded();
    }

    private void makeLastZoneSmaller() throws IOException {
        setWritePointer(3, 3 * ZONE);
        putHeader(DEVICE_SIZE, 3 * ZONE + (32 << 20));
    }

    private void putHeader(long offset, long value) throws IOException {
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(8).putLong(0, value), offset);
        }
    }

    @Test
    void imageThatWasNotClosedNamesTheCommandThatRecoversIt() throws IOException {
        putHeader(INCOMPATIBLE_FEATURES, ZONED_BIT | DIRTY_BIT);
        assertNotClosed("add");
        makeLastZoneSmaller();
        assertNotClosed("convert-layout");
        CommandLineRun.of("convert-layout", image, "be44").succeeded();
        assertTrue(CommandLineRun.of("info", image).succeeded().out().contains("device:    not attached\n"));
        String clean = CommandLineRun.of("check", image).succeeded().out();
        assertTrue(clean.endsWith(" clusters allocated\n"), clean);
        putHeader(INCOMPATIBLE_FEATURES, ZONED_BIT | DIRTY_BIT | CORRUPT_BIT);
        String corrupt = CommandLineRun.of("check", image).out();
        assertTrue(corrupt.endsWith("; it was not closed\n"), corrupt);
    }

    private void assertNotClosed(String command) {
        String sentence = "was not closed: " + command + " recovers it\n";
        String info = CommandLineRun.of("info", image).succeeded().out();
        assertTrue(info.contains("device:    not attached, and " + sentence), info);
        String check = CommandLineRun.of("check", image).succeeded().out();
        assertTrue(check.endsWith("; it " + sentence), check);
    }

    @Test
    void infoShowsGeometryAndState() {
        String info = CommandLineRun.of("info", image).succeeded().out();
        assertTrue(info.contains("device:    not attached\nsize:      256M\n"), info);
        assertTrue(info.contains("condition: 1 conventional, 1 empty, 1 closed, 1 full\n"), info);
        assertTrue(info.endsWith("written:   48.0M in sequential zones\n"), info);
    }
}
