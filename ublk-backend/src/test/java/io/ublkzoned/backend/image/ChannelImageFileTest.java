package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.engine.Barrier;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.NonWritableChannelException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChannelImageFileTest {

    private static final int LARGE = (1 << 20) + 12_345; // more than one buffer

    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void nameFile() {
        path = folder.resolve("disk.qcow2");
    }

    @Test
    void transfersAreWholeAndTakeAnySegment() throws IOException {
        byte[] data = new byte[LARGE];
        new Random(1).nextBytes(data);
        try (ChannelImageFile file = ChannelImageFile.create(path)) {
            file.write(MemorySegment.ofArray(data), 4096);
            file.sync(Barrier.DATA_BEFORE_POINTERS);
            byte[] back = new byte[LARGE];
            file.read(MemorySegment.ofArray(back), 4096);
            assertArrayEquals(data, back);
            long[] words = new long[LARGE / 8];
            file.read(MemorySegment.ofArray(words), 4096);
            assertEquals(
                    -1,
                    MemorySegment.ofArray(words)
                            .mismatch(MemorySegment.ofArray(data).asSlice(0, LARGE / 8 * 8)));
        }
    }

    @Test
    void readPastTheEndFails() throws IOException {
        try (ChannelImageFile file = ChannelImageFile.create(path)) {
            file.setSize(100);
            EOFException e = assertThrows(EOFException.class, () -> file.read(MemorySegment.ofArray(new byte[10]), 95));
            assertEquals(path + ": the file ends at 100", e.getMessage());
        }
    }

    @Test
    void holeReadsAsZerosAndLeavesTheLength() throws IOException {
        byte[] data = new byte[LARGE];
        Arrays.fill(data, (byte) 'x');
        try (ChannelImageFile file = ChannelImageFile.create(path)) {
            file.write(MemorySegment.ofArray(data), 0);
            file.punchHole(10, LARGE);
            assertEquals(LARGE, file.sizeBytes());
        }
        byte[] expected = Arrays.copyOf(Arrays.copyOf(data, 10), LARGE);
        assertArrayEquals(expected, Files.readAllBytes(path));
    }

    @Test
    void sizeGoesUpWithZerosAndDown() throws IOException {
        try (ChannelImageFile file = ChannelImageFile.create(path)) {
            file.setSize(1L << 40);
            assertEquals(1L << 40, file.sizeBytes());
            byte[] end = {1, 2, 3};
            file.read(MemorySegment.ofArray(end), (1L << 40) - 3);
            assertArrayEquals(new byte[3], end);
            file.setSize(5);
            assertEquals(5, file.sizeBytes());
        }
    }

    @Test
    void createKeepsAnExistingFileAndReadOnlyIsReadOnly() throws IOException {
        Files.writeString(path, "a letter");
        assertThrows(FileAlreadyExistsException.class, () -> ChannelImageFile.create(path));
        try (ChannelImageFile file = ChannelImageFile.openReadOnly(path)) {
            assertThrows(NonWritableChannelException.class, () -> file.write(MemorySegment.ofArray(new byte[1]), 0));
        }
        assertEquals("a letter", Files.readString(path));
    }
}
