package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
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
    void directoryStoresTheImageAndItsCacheMode() throws IOException {
        RunDirectory directory = new RunDirectory(root, 3);
        assertFalse(directory.exists());
        directory.create(image, CacheMode.WRITEBACK, "");
        assertTrue(directory.exists());
        assertEquals(image, directory.image());
        assertEquals(CacheMode.WRITEBACK, directory.cacheMode());
        assertEquals(root.resolve("3/log"), directory.logFile());
    }

    @Test
    void directoryStoresTheNameOfTheDevice() throws IOException {
        RunDirectory named = new RunDirectory(root, 3);
        named.create(image, CacheMode.WRITEBACK, "scratch");
        assertEquals("scratch", named.deviceName());
        RunDirectory other = new RunDirectory(root, 4);
        other.create(image, CacheMode.WRITEBACK, "");
        assertEquals("", other.deviceName());
    }

    @Test
    void directoryStoresWhyADeviceDidNotComeBack() throws IOException {
        RunDirectory directory = new RunDirectory(root, 3);
        directory.create(image, CacheMode.WRITEBACK, "");
        assertEquals(Optional.empty(), directory.failure());
        directory.setFailure(image + ": no such image");
        assertEquals(Optional.of(image + ": no such image"), directory.failure());
    }

    @Test
    void nameOfTheImageIsKeptByteForByte() throws IOException {
        Path odd = Files.createFile(folder.resolve(" two  blanks \n"));
        RunDirectory directory = new RunDirectory(root, 0);
        directory.create(odd, CacheMode.WRITEBACK, "");
        assertEquals(odd, directory.image());
        Path moved = folder.resolve("moved");
        directory.setImage(moved);
        assertEquals(moved, directory.image());
    }

    @Test
    void onlyTheOwnerHasPermissions() throws IOException {
        Files.createDirectory(root);
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxrwxrwx"));
        RunDirectory directory = new RunDirectory(root, 0);
        directory.create(image, CacheMode.WRITEBACK, "");
        StateFile.create(directory.stateFile(), 4096).close();
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.filter(path -> !Files.isSymbolicLink(path)).toList()) {
                String permissions = PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
                assertEquals("------", permissions.substring(3), path::toString);
            }
        }
    }

    @Test
    void directoryOfAnotherBootDoesNotExist() throws IOException {
        RunDirectory directory = new RunDirectory(root, 0);
        directory.create(image, CacheMode.WRITEBACK, "");
        Files.writeString(directory.path().resolve("boot"), "01234567-89ab-cdef-0123-456789abcdef\n");
        assertFalse(directory.exists());
        assertEquals(List.of(), RunDirectory.ids(root));
        assertEquals(OptionalInt.empty(), RunDirectory.deviceOf(root, image));
        Files.writeString(directory.logFile(), "old");
        assertNotNull(directory.create(image, CacheMode.WRITEBACK, ""));
        assertTrue(directory.exists());
        assertFalse(Files.exists(directory.logFile()));
    }

    @Test
    void deviceIsFoundByItsStateAfterTheImageWasMoved() throws IOException {
        RunDirectory directory = new RunDirectory(root, 0);
        directory.create(image, CacheMode.WRITEBACK, "");
        DeviceShape shape = new DeviceShape(new DeviceGeometry(2 << 20, 1 << 20, 1 << 20, 0, 0, 0), 4096, 1);
        StateFile state = StateFile.create(directory.stateFile(), DeviceState.sizeBytes(shape));
        DeviceState.prepare(state.memory(), shape, new UUID(1, 1), ImageIdentities.of(image));
        state.close();
        Path moved = Files.move(image, folder.resolve("moved"));
        Files.createFile(image);
        assertEquals(OptionalInt.of(0), RunDirectory.deviceOf(root, moved));
        assertEquals(OptionalInt.empty(), RunDirectory.deviceOf(root, image));
    }

    @Test
    void deviceIsFoundByAnyNameOfItsImage() throws IOException {
        new RunDirectory(root, 10).create(Files.createFile(folder.resolve("other")), CacheMode.NONE, "");
        new RunDirectory(root, 2).create(image, CacheMode.WRITEBACK, "");
        assertEquals(List.of(2, 10), RunDirectory.ids(root));
        Path link = Files.createSymbolicLink(folder.resolve("link"), image);
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, link));
        Files.delete(folder.resolve("other"));
        assertEquals(OptionalInt.of(2), RunDirectory.deviceOf(root, image));
        assertEquals(OptionalInt.empty(), RunDirectory.deviceOf(root, folder));
    }

    @Test
    void lastDirectoryRemovesTheRoot() throws IOException {
        new RunDirectory(root, 0).create(image, CacheMode.WRITEBACK, "");
        new RunDirectory(root, 1).create(image, CacheMode.WRITEBACK, "");
        Files.createFile(new RunDirectory(root, 0).logFile());
        new RunDirectory(root, 0).remove();
        assertEquals(List.of(1), RunDirectory.ids(root));
        new RunDirectory(root, 0).remove();
        new RunDirectory(root, 1).remove();
        assertFalse(Files.exists(root));
        assertEquals(List.of(), RunDirectory.ids(root));
    }

    @Test
    void filesOfADeadServerAreKept() throws IOException {
        RunDirectory directory = new RunDirectory(root, 0);
        assertNotNull(directory.create(image, CacheMode.NONE, ""));
        Files.writeString(directory.logFile(), "old");
        assertNull(directory.create(folder, CacheMode.WRITEBACK, ""));
        assertEquals(image, directory.image());
        assertEquals("old", Files.readString(directory.logFile()));
        try (Stream<Path> entries = Files.list(root)) {
            assertEquals(List.of(directory.path()), entries.toList());
        }
    }
}
