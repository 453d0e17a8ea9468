package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
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
    void remembersTheImage() throws IOException {
        RunDirectory directory = new RunDirectory(root, 3);
        assertFalse(directory.exists());
        directory.create(image);
        assertTrue(directory.exists());
        assertEquals(image, directory.image());
        assertEquals(root.resolve("3/log"), directory.logFile());
    }

    @Test
    void deviceIsFoundByAnyNameOfItsImage() throws IOException {
        new RunDirectory(root, 10).create(Files.createFile(folder.resolve("other")));
        new RunDirectory(root, 2).create(image);
        assertEquals(List.of(2, 10), RunDirectory.ids(root));
        Path link = Files.createSymbolicLink(folder.resolve("link"), image);
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, link));
        Files.delete(folder.resolve("other"));
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, image));
        assertEquals(OptionalInt.empty(), RunDirectory.deviceOf(root, folder));
    }

    @Test
    void lastOneRemovesTheRoot() throws IOException {
        new RunDirectory(root, 0).create(image);
        new RunDirectory(root, 1).create(image);
        Files.createFile(new RunDirectory(root, 0).logFile());
        new RunDirectory(root, 0).remove();
        assertEquals(List.of(1), RunDirectory.ids(root));
        new RunDirectory(root, 0).remove();
        new RunDirectory(root, 1).remove();
        assertFalse(Files.exists(root));
        assertEquals(List.of(), RunDirectory.ids(root));
    }

    @Test
    void createForgetsWhatADeadServerLeft() throws IOException {
        RunDirectory directory = new RunDirectory(root, 0);
        directory.create(folder);
        Files.writeString(directory.logFile(), "old");
        directory.create(image);
        assertEquals(image, directory.image());
        assertFalse(Files.exists(directory.logFile()));
    }
}
