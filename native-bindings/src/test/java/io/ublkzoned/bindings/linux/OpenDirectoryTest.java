package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenDirectoryTest {

    private static final int NEW = FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL | FileFlags.O_NOFOLLOW;

    @TempDir
    private Path temp;

    private static int mode(Path path) throws IOException {
        return (int) Files.getAttribute(path, "unix:mode") & 07777;
    }

    @Test
    void filesAreMadeRenamedAndRemovedInTheDirectoryThatWasOpened() throws IOException {
        Path first = Files.createDirectory(temp.resolve("first"));
        Path moved = temp.resolve("moved");
        try (OpenDirectory directory = OpenDirectory.open(first.toString())) {
            Files.move(first, moved);
            Files.createDirectory(first);
            directory.openFile("a", NEW, 0600).close();
            Files.writeString(moved.resolve("b"), "replaced");
            assertEquals(0, directory.rename("a", "b"));
            assertEquals(0, Files.size(moved.resolve("b")));
            assertTrue(Files.isSameFile(Path.of(directory.pathOf("b")), moved.resolve("b")));
            assertEquals(0, directory.sync());
            assertEquals(0, directory.unlink("b"));
            assertEquals(-Errno.ENOENT, directory.unlink("b"));
            assertEquals(-Errno.ENOENT, directory.rename("a", "b"));
            assertEquals(first.toString(), directory.name());
        }
        for (Path folder : new Path[] {first, moved}) {
            Files.delete(folder); // it is empty
        }
    }

    @Test
    void newFileDoesNotFollowALinkAndIsNamedInFailures() throws IOException {
        Path target = temp.resolve("target");
        Files.createSymbolicLink(temp.resolve("link"), target);
        try (OpenDirectory directory = OpenDirectory.open(temp.toString())) {
            LinuxException e = assertThrows(LinuxException.class, () -> directory.openFile("link", NEW, 0600));
            assertEquals("open(" + temp + "/link): EEXIST (17), File exists", e.getMessage());
        }
        assertFalse(Files.exists(target));
    }

    @Test
    void modeIsSetWhateverTheUmask() throws IOException {
        try (OpenDirectory directory = OpenDirectory.open(temp.toString());
                FileDescriptor file = directory.openFile("a", NEW, 0600)) {
            assertEquals(0600, mode(temp.resolve("a")));
            file.setMode(0666);
            assertEquals(0666, mode(temp.resolve("a")));
        }
    }

    @Test
    void onlyRootChangesTheOwnerOfAFile() throws IOException {
        Path path = temp.resolve("a");
        try (OpenDirectory directory = OpenDirectory.open(temp.toString());
                FileDescriptor file = directory.openFile("a", NEW, 0600)) {
            if (LinuxProcess.effectiveUserId() == 0) {
                file.setOwner(65534, 65533);
                assertEquals(65534, Files.getAttribute(path, "unix:uid"));
                assertEquals(65533, Files.getAttribute(path, "unix:gid"));
            } else {
                assertThrows(LinuxException.class, () -> file.setOwner(65534, 65533));
            }
        }
    }

    @Test
    void fileKindsAreDistinguished() throws IOException {
        assertEquals(FileKind.DIRECTORY, FileKind.of((int) Files.getAttribute(temp, "unix:mode")));
        assertEquals(
                FileKind.CHARACTER_DEVICE, FileKind.of((int) Files.getAttribute(Path.of("/dev/null"), "unix:mode")));
        assertEquals(FileKind.REGULAR_FILE, FileKind.of((int)
                Files.getAttribute(Files.createFile(temp.resolve("a")), "unix:mode")));
        assertEquals(FileKind.OTHER, FileKind.of(0));
    }
}
