package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.image.CacheMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {

    @TempDir
    Path folder;

    private Path root;
    private Path image;

    @BeforeEach
    void makeImage() throws IOException {
        root = folder.resolve("ublk-zoned");
        image = Files.createFile(folder.resolve("a disk\u00e9.qcow2"));
    }

    @Test
    void remembersTheImageAndItsCacheMode() throws IOException {
        RunDirectory directory = new RunDirectory(root, 3);
        assertFalse(directory.exists());
        directory.create(image, CacheMode.WRITEBACK);
        assertTrue(directory.exists());
        assertEquals(image, directory.image());
        assertEquals(CacheMode.WRITEBACK, directory.cacheMode());
        assertEquals(root.resolve("3/log"), directory.logFile());
    }

    @Test
    void deviceIsFoundByAnyNameOfItsImage() throws IOException {
        new RunDirectory(root, 10).create(Files.createFile(folder.resolve("other")), CacheMode.NONE);
        new RunDirectory(root, 2).create(image, CacheMode.WRITEBACK);
        assertEquals(List.of(2, 10), RunDirectory.ids(root));
        Path link = Files.createSymbolicLink(folder.resolve("link"), image);
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, link));
        Files.delete(folder.resolve("other"));
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, image));
        assertEquals(OptionalInt.empty(), RunDirectory.deviceOf(root, folder));
    }

    @Test
    void lastOneRemovesTheRoot() throws IOException {
        new RunDirectory(root, 0).create(image, CacheMode.WRITEBACK);
        new RunDirectory(root, 1).create(image, CacheMode.WRITEBACK);
        Files.createFile(new RunDirectory(root, 0).logFile());
        new RunDirectory(root, 0).remove();
        assertEquals(List.of(1), RunDirectory.ids(root));
        new RunDirectory(root, 0).remove();
        new RunDirectory(root, 1).remove();
        assertFalse(Files.exists(root));
        assertEquals(List.of(), RunDirectory.ids(root));
    }

    @Test
    void whatADeadServerLeftStays() throws IOException {
        RunDirectory directory = new RunDirectory(root, 0);
        assertNotNull(directory.create(image, CacheMode.NONE));
        Files.writeString(directory.logFile(), "old");
        assertNull(directory.create(folder, CacheMode.WRITEBACK));
        assertEquals(image, directory.image());
        assertEquals("old", Files.readString(directory.logFile()));
        try (Stream<Path> entries = Files.list(root)) {
            assertEquals(List.of(directory.path()), entries.toList());
        }
    }
}
