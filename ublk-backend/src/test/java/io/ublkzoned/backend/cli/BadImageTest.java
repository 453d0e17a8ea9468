package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Commands on files that are not images of this program. Each prints one sentence that names the file, and does not
 * change the file.
 */
class BadImageTest {

    private static final int INCOMPATIBLE = 72;

    @TempDir
    Path folder;

    private Path image;
    private ByteBuffer bytes;

    @BeforeEach
    void makeImage() throws IOException {
        image = folder.resolve("disk.qcow2");
        CommandLineRun.of("create", image, "256M", "--zone-size", "64M").succeeded();
        bytes = ByteBuffer.wrap(Files.readAllBytes(image));
    }

    @Test
    void missingImageIsRefused() throws IOException {
        Files.delete(image);
        for (String command : new String[] {"info", "report", "check"}) {
            CommandLineRun.of(command, image).failed(1, image + ": no such file");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 70, 4096})
    void otherFileIsRefused(int length) throws IOException {
        bytes = ByteBuffer.allocate(length);
        assertRefused(63, "qcow2");
    }

    @Test
    void qcow2OfVersion2IsRefused() throws IOException {
        bytes.putInt(4, 2);
        assertRefused(63, "version 2");
    }

    @Test
    void plainQcow2IsRefused() throws IOException {
        bytes.putLong(INCOMPATIBLE, 0);
        bytes.putInt(bytes.getInt(100), 0);
        assertRefused(63, "plain qcow2");
    }

    @Test
    void unknownFeatureIsRefused() throws IOException {
        bytes.putLong(INCOMPATIBLE, bytes.getLong(INCOMPATIBLE) | 1L << 40);
        assertRefused(63, "features that this version does not have");
    }

    /** The file ends in the header, in an extension, before the L1 table, or in the tables after it. */
    @ParameterizedTest
    @ValueSource(ints = {4, 71, 80, 103, 111, 120, 200, 65_535})
    void truncatedImageIsRefused(int length) throws IOException {
        bytes = ByteBuffer.wrap(Arrays.copyOf(bytes.array(), length));
        Files.write(image, bytes.array());
        assertRefusedBy("info", 1, "");
        assertRefusedBy("report", 1, "");
        assertEquals(length < 8 ? 63 : 2, CommandLineRun.of("check", image).status());
        assertArrayEquals(bytes.array(), Files.readAllBytes(image));
    }

    private void assertRefused(int checkStatus, String words) throws IOException {
        Files.write(image, bytes.array());
        assertRefusedBy("info", 1, words);
        assertRefusedBy("report", 1, words);
        assertRefusedBy("check", checkStatus, words);
        assertArrayEquals(bytes.array(), Files.readAllBytes(image));
    }

    private void assertRefusedBy(String command, int status, String words) {
        CommandLineRun run = CommandLineRun.of(command, image);
        assertEquals(status, run.status(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().startsWith("ublk-zoned: " + image + ": "), run.err());
        assertTrue(run.err().contains(words), run.err());
    }
}
