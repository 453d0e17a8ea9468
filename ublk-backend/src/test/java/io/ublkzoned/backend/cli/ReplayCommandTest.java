package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.image.LogFile;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogHeader;
import io.ublkzoned.engine.writelog.LogWriter;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands {@code log} and {@code replay}, with a log that no device has written. */
final class ReplayCommandTest {

    private static final int BLOCK = 4096;
    private static final int MIB = 1 << 20;

    @TempDir
    private Path folder;

    private Path log;
    private Path image;

    @BeforeEach
    void writeLog() throws IOException {
        log = folder.resolve("disk.log");
        image = folder.resolve("disk.qcow2");
        writeLog(log, true);
    }

    private static void writeLog(Path path, boolean beginsEmpty) throws IOException {
        DeviceGeometry geometry = new DeviceGeometry(8L * MIB, MIB, MIB, 2, 0, 0);
        try (LogFile file = LogFile.create(path);
                LogWriter writer =
                        LogWriter.begin(file.file(), new LogHeader(BLOCK, 0, Optional.of(geometry), beginsEmpty))) {
            write(writer, writer.placeWrite(false, MIB, BLOCK));
            write(writer, writer.placeWrite(true, 3L * MIB, 2 * BLOCK));
            write(writer, writer.placeFlush(1));
            write(writer, writer.placeMark("a \"name\""));
            write(writer, writer.placeFinish(3L * MIB));
            write(writer, writer.placeReset(false, 3L * MIB, MIB));
        }
    }

    private static void write(LogWriter writer, LogEntry entry) throws IOException {
        writer.write(entry, false, (from, target) -> target.fill((byte) 7));
    }

    private String writePointerOfZone3() {
        String report = CommandLineRun.of("report", image).succeeded().out();
        return report.lines()
                .filter(line -> line.strip().startsWith("3 "))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void logShowsEachEntry() {
        assertEquals("""
                entry  operation  zone  offset  length
                    0  write         1       0      4K
                    1  append        3       0      8K
                    2  flush                            of 1
                    3  mark                             a "name"
                    4  finish        3       0
                    5  reset         3       0      1M
                """, CommandLineRun.of("log", log).succeeded().out());
    }

    @Test
    void jsonHasTheSameEntriesInBytes() {
        assertEquals("""
                [
                {"entry":0,"operation":"write","start":1048576,"length":4096,"fua":false},
                {"entry":1,"operation":"append","start":3145728,"length":8192,"fua":false},
                {"entry":2,"operation":"flush","covers":1},
                {"entry":3,"operation":"mark","name":"a \\"name\\""},
                {"entry":4,"operation":"finish","start":3145728},
                {"entry":5,"operation":"reset","start":3145728,"length":1048576,"fua":false}
                ]
                """, CommandLineRun.of("log", "--json", log).succeeded().out());
    }

    @Test
    void replayMakesAndContinuesAnImage() {
        assertEquals(
                "2\n",
                CommandLineRun.of("replay", log, image, "--next-flush")
                        .succeeded()
                        .out());
        assertTrue(writePointerOfZone3().contains("closed"), this::writePointerOfZone3);
        assertEquals(
                "4\n",
                CommandLineRun.of("replay", log, image, "--after", "2", "--to", "4")
                        .succeeded()
                        .out());
        assertTrue(writePointerOfZone3().contains("full"), this::writePointerOfZone3);
        assertEquals(
                "5\n",
                CommandLineRun.of("replay", log, image, "--after", "4")
                        .succeeded()
                        .out());
        assertTrue(writePointerOfZone3().contains("empty"), this::writePointerOfZone3);
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void cutLosesWhatNoFlushCovers() {
        CommandLineRun.of("replay", log, image, "--to-mark", "a \"name\"", "--cut", "--keep", "none")
                .succeeded();
        assertTrue(writePointerOfZone3().contains("empty"), this::writePointerOfZone3);
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void whatCannotBeReplayedIsRefusedAndLeavesNoImage() throws IOException {
        CommandLineRun.of("replay", log, image, "--to", "6")
                .failed(1, log + ": the log has no entry 6: its last one is 5");
        CommandLineRun.of("replay", log, image, "--to-flush", "2")
                .failed(1, log + ": the log has no flush 2: it has 1");
        CommandLineRun.of("replay", log, image, "--to-mark", "x").failed(1, log + ": the log has no mark 'x'");
        CommandLineRun.of("replay", log, image, "--after", "2", "--next-flush")
                .failed(1, log + ": the log has no flush at or behind entry 3");
        CommandLineRun.of("replay", log, image, "--after", "2")
                .failed(1, image + ": no such image, so it does not have the entries before --after");
        CommandLineRun.of("replay", log, image, "--after", "4", "--to", "2")
                .failed(1, log + ": entry 2 comes before the end of the image, which is entry 4");
        Path used = folder.resolve("used.log");
        writeLog(used, false);
        CommandLineRun.of("replay", used, image)
                .failed(
                        1,
                        image
                                + ": no such image, and the device was not empty when the log began: give a copy of its image from before the log");
        CommandLineRun.of("replay", log, image, "--to", "1", "--next-flush")
                .failed(
                        2,
                        "--to, --to-mark, --to-flush and --next-flush exclude each other; see ublk-zoned replay --help");
        CommandLineRun.of("replay", log, image, "--seed", "1")
                .failed(2, "--seed and --keep need --cut; see ublk-zoned replay --help");
        assertFalse(Files.exists(image));
    }

    @Test
    void imageOfOtherZonesIsRefused() {
        CommandLineRun.of("create", image, "8M", "--zone-size", "2M").succeeded();
        CommandLineRun.of("replay", log, image).failed(1, image + ": its zones are not those of the log's device");
    }

    @Test
    void fileThatIsNoLogIsRefused() {
        CommandLineRun.of("create", image, "8M", "--zone-size", "1M").succeeded();
        CommandLineRun.of("log", image)
                .failed(1, image + ": it is not a write log: 'ublk-zoned add --record FILE' writes one");
        CommandLineRun.of("log", folder.resolve("none"))
                .failed(1, folder.resolve("none") + ": no such file or directory");
        CommandLineRun.of("log", folder)
                .failed(1, folder + " is a directory, and a write log is a file or a block device");
    }
}
