package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("native")
class CheckCommandTest {

    private static final int REFCOUNT_TABLE_OFFSET = 48;
    private static final Pattern CHANGE = Pattern.compile("0x([0-9a-f]+): ([0-9a-f]{16}) -> ([0-9a-f]{16})");

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void makeImage() {
        image = folder.resolve("disk.qcow2");
        CommandLineRun.of("create", image, "256M", "--zone-size", "64M").succeeded();
    }

    /** Sets the refcount of a cluster. */
    private void putRefcount(int cluster, int refcount) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(image));
        int block = (int) bytes.getLong((int) bytes.getLong(REFCOUNT_TABLE_OFFSET));
        bytes.putShort(block + 2 * cluster, (short) refcount);
        Files.write(image, bytes.array());
    }

    @Test
    void imageWithoutDamageIsClean() {
        assertEquals(
                image + ": no damage, 0 of 4096 clusters allocated\n",
                CommandLineRun.of("check", image).succeeded().out());
        assertEquals(
                image + ": repaired 0 errors and 0 leaked clusters, now no damage, 0 of 4096 clusters allocated\n",
                CommandLineRun.of("check", "-r", "all", "--image", image)
                        .succeeded()
                        .out());
    }

    @Test
    void leaksAreFoundAndRepaired() throws IOException {
        putRefcount(100, 1);
        byte[] before = Files.readAllBytes(image);
        CommandLineRun found = CommandLineRun.of("check", image);
        assertEquals(3, found.status());
        assertTrue(found.out().startsWith("host cluster 100 is marked for more owners than it has\n"), found.out());
        assertArrayEquals(before, Files.readAllBytes(image));
        CommandLineRun repaired =
                CommandLineRun.of("check", "-r", "leaks", image).succeeded();
        assertTrue(
                repaired.out()
                        .endsWith(
                                image
                                        + ": repaired 0 errors and 1 leaked clusters, now no damage, 0 of 4096 clusters allocated\n"),
                repaired.out());
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void damageIsRepairedByAllAndCanBeUndoneByHand() throws IOException {
        putRefcount(0, 0);
        byte[] before = Files.readAllBytes(image);
        assertEquals(2, CommandLineRun.of("check", image).status());
        assertEquals(2, CommandLineRun.of("check", "-r", "leaks", image).status());
        assertArrayEquals(before, Files.readAllBytes(image));
        CommandLineRun repaired =
                CommandLineRun.of("check", "--repair=all", image).succeeded();
        ByteBuffer undone = ByteBuffer.wrap(Files.readAllBytes(image));
        List<String> changes =
                repaired.out().lines().filter(line -> line.contains("->")).toList();
        assertEquals(
                4, changes.size(), repaired.out()); // the mark of the repair, its end, the autoclear bits, the refcount
        for (String change : changes.reversed()) {
            Matcher words = CHANGE.matcher(change);
            assertTrue(words.matches(), change);
            int offset = Integer.parseInt(words.group(1), 16);
            assertEquals(Long.parseUnsignedLong(words.group(3), 16), undone.getLong(offset));
            undone.putLong(offset, Long.parseUnsignedLong(words.group(2), 16));
        }
        assertArrayEquals(before, undone.array());
    }

    @Test
    void jsonContainsTheChangesAndTheResult() throws IOException {
        Map<String, Object> clean =
                JSON.std.mapFrom(CommandLineRun.of("check", "--json", image).out());
        assertEquals(List.of(), clean.get("findings"));
        assertEquals(0, clean.get("leaks"));
        assertTrue(!clean.containsKey("changes") && !clean.containsKey("leaksFixed"));
        assertEquals(
                List.of(),
                JSON.std
                        .mapFrom(CommandLineRun.of("check", "--json", "-r", "all", image)
                                .out())
                        .get("changes"));
        putRefcount(100, 1);
        Map<String, Object> repaired = JSON.std.mapFrom(CommandLineRun.of("check", "--json", "-r", "all", image)
                .succeeded()
                .out());
        assertEquals(1, repaired.get("leaksFixed"));
        assertEquals(0, repaired.get("corruptionsFixed"));
        String mark = String.valueOf(repaired.get("changes"));
        assertTrue(mark.startsWith("[{offset=72, old=0000000000000020, new=0000000000000022}, "), mark);
    }

    @Test
    void changesThatCannotBePrintedAreNotMade() throws IOException {
        putRefcount(100, 1);
        byte[] before = Files.readAllBytes(image);
        StringWriter err = new StringWriter();
        PrintWriter full = new PrintWriter(new StringWriter()) {
            @Override
            public boolean checkError() {
                return true;
            }
        };
        int status = Main.run(new String[] {"check", "-r", "all", image.toString()}, full, new PrintWriter(err));
        assertEquals(1, status);
        assertTrue(err.toString().contains("could not be printed"), err.toString());
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void unknownRepairExtentIsWrongUsage() {
        CommandLineRun.of("check", "-r", "some", image)
                .failed(
                        2,
                        "Invalid value for option '--repair': 'some' is not leaks or all; see ublk-zoned check --help");
    }

    @Test
    void barIsDrawnOncePerPercentAndWiped() {
        StringWriter terminal = new StringWriter();
        try (ProgressBar bar = new ProgressBar(new PrintWriter(terminal))) {
            for (int i = 1; i <= 100_000; i++) {
                bar.tables(i, 100_000);
            }
        }
        String text = terminal.toString();
        assertEquals(101 + 2, text.chars().filter(c -> c == '\r').count());
        assertTrue(text.contains("\r[####################                    ]  50%"), text);
        assertTrue(text.endsWith("\r" + " ".repeat(47) + "\r"));
    }
}
