package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NewImageTest {

    private static final String REPLACED =
            " was replaced or removed in the meantime, and stays as it is now; run create again";

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void nameFile() {
        image = folder.resolve("disk.qcow2");
    }

    private static void write(NewImage file, String text) throws IOException {
        file.file().write(MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII)), 0);
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private static void assertInUse(Path path) {
        assertThrows(ImageInUseException.class, () -> LockedImage.open(path));
    }

    @Test
    void newFileIsLockedUntilItIsClosed() throws IOException {
        try (NewImage made = NewImage.create(image)) {
            write(made, "made");
            assertInUse(image);
            made.finish();
            assertInUse(image);
        }
        assertEquals("made", Files.readString(image));
        LockedImage.open(image).close();
    }

    @Test
    void fileThatIsNotFinishedIsRemoved() throws IOException {
        NewImage.create(image).close();
        assertEquals(List.of(), names());
        Files.writeString(image, "old");
        NewImage.replace(image).close();
        assertEquals(List.of("disk.qcow2"), names());
        assertEquals("old", Files.readString(image));
    }

    @Test
    void fileOfAnotherProcessIsNotRemoved() throws IOException {
        try (NewImage made = NewImage.create(image)) {
            write(made, "made");
            Files.move(image, folder.resolve("moved"));
            Files.writeString(image, "another");
        }
        assertEquals("another", Files.readString(image));
    }

    @Test
    void replacedFileIsLockedUntilTheNewOneHasItsName() throws IOException {
        Files.writeString(image, "old");
        Path oldName = Files.createLink(folder.resolve("old-name"), image);
        try (NewImage made = NewImage.replace(image)) {
            write(made, "new");
            assertEquals("old", Files.readString(image));
            assertInUse(image);
            assertThrows(ImageInUseException.class, () -> NewImage.replace(image));
            made.finish();
            assertEquals("new", Files.readString(image));
            assertInUse(image);
            assertInUse(oldName);
        }
        assertEquals("old", Files.readString(oldName));
        assertEquals(List.of("disk.qcow2", "old-name"), names());
        LockedImage.open(image).close();
    }

    /** A server that opens the file just before it is replaced must not serve a file without a name. */
    @Test
    void serverThatOpenedTheReplacedFileLocksTheNewOne() throws IOException {
        Files.writeString(image, "old");
        AtomicBoolean isReplaced = new AtomicBoolean();
        try (FileDescriptor served = LockedImage.open(image, () -> {
            FileDescriptor file = ImageOpener.forWriting(image, 0);
            if (!isReplaced.getAndSet(true)) {
                try (NewImage made = NewImage.replace(image)) {
                    write(made, "new");
                    made.finish();
                }
            }
            return file;
        })) {
            assertEquals("new", Files.readString(Path.of("/proc/self/fd/" + served.value())));
        }
    }

    @Test
    void imageInUseIsNotReplaced() throws IOException {
        Files.writeString(image, "old");
        try (FileDescriptor served = LockedImage.open(image)) {
            assertTrue(served.value() > 0);
            assertThrows(ImageInUseException.class, () -> NewImage.replace(image));
        }
        assertEquals(List.of("disk.qcow2"), names());
    }

    @Test
    void linkMadeInTheMeantimeIsNotFollowed() throws IOException {
        Path target = folder.resolve("target");
        Path link = Files.createSymbolicLink(image, target);
        IOException e = assertThrows(IOException.class, () -> NewImage.create(link));
        assertEquals(link + " is a symbolic link to " + target + ", which does not exist", e.getMessage());
        assertFalse(Files.exists(target));
        Files.writeString(target, "theirs");
        assertThrows(FileAlreadyExistsException.class, () -> NewImage.create(link));

        Files.delete(image);
        Files.writeString(image, "old");
        try (NewImage made = NewImage.replace(image)) {
            write(made, "new");
            Files.delete(image);
            Files.createSymbolicLink(image, target);
            IOException late = assertThrows(IOException.class, made::finish);
            assertEquals(image + REPLACED, late.getMessage());
        }
        assertEquals("theirs", Files.readString(target));
        assertEquals(List.of("disk.qcow2", "target"), names());
    }

    @Test
    void directoryThatBecomesALinkIsNotFollowed() throws IOException {
        Path images = Files.createDirectory(folder.resolve("images"));
        Path other = Files.createDirectory(folder.resolve("other"));
        Path old = Files.writeString(images.resolve("passwd"), "old");
        Path theirs = Files.writeString(other.resolve("passwd"), "theirs");
        try (NewImage made = NewImage.replace(old)) {
            write(made, "new");
            Files.move(images, folder.resolve("moved"));
            Files.createSymbolicLink(images, other);
            made.finish();
        }
        assertEquals("theirs", Files.readString(theirs));
        assertEquals("new", Files.readString(folder.resolve("moved/passwd")));
    }

    @Test
    void fileThatTookTheNameInTheMeantimeIsKept() throws IOException {
        Files.writeString(image, "old");
        try (NewImage made = NewImage.replace(image)) {
            write(made, "new");
            Files.move(Files.writeString(folder.resolve("another"), "another"), image, StandardCopyOption.ATOMIC_MOVE);
            IOException e = assertThrows(IOException.class, made::finish);
            assertEquals(image + REPLACED, e.getMessage());
        }
        assertEquals("another", Files.readString(image));
        try (NewImage made = NewImage.replace(image)) {
            Files.delete(image);
            IOException e = assertThrows(IOException.class, made::finish);
            assertEquals(image + REPLACED, e.getMessage());
        }
        assertEquals(List.of(), names());
    }

    @Test
    void newFileHasThePermissionsAndTheOwnerOfTheReplacedOne() throws IOException {
        for (String text : List.of("rw-------", "rw-rw-rw-", "r--r-----")) {
            Set<PosixFilePermission> permissions = PosixFilePermissions.fromString(text);
            Files.deleteIfExists(image);
            Files.setPosixFilePermissions(Files.createFile(image), permissions);
            if (LinuxProcess.effectiveUserId() == 0) {
                Files.setAttribute(image, "unix:uid", 65534);
                Files.setAttribute(image, "unix:gid", 65533);
            }
            Object owner = Files.getAttribute(image, "unix:uid");
            Object group = Files.getAttribute(image, "unix:gid");
            try (NewImage made = NewImage.replace(image)) {
                assertEquals(2, names().size());
                write(made, "new");
                made.finish();
            }
            assertEquals("new", Files.readString(image));
            assertEquals(permissions, Files.getPosixFilePermissions(image));
            assertEquals(owner, Files.getAttribute(image, "unix:uid"));
            assertEquals(group, Files.getAttribute(image, "unix:gid"));
        }
    }

    @Test
    void nameCanHaveTheMaximumLength() throws IOException {
        Path longest = folder.resolve("x".repeat(255));
        for (int i = 0; i < 2; i++) {
            try (NewImage made = NewImage.replace(longest)) {
                write(made, "number " + i);
                made.finish();
            }
            assertEquals("number " + i, Files.readString(longest));
        }
        Path longer = folder.resolve("x".repeat(256));
        IOException e = assertThrows(IOException.class, () -> NewImage.create(longer));
        assertEquals(longer + ": its name or path is too long", e.getMessage());
    }
}
