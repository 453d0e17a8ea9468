package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LockedImageTest {

    @TempDir
    Path folder;

    private Path image;
    private int opened;

    @BeforeEach
    void makeFile() throws IOException {
        image = Files.writeString(folder.resolve("disk.qcow2"), "first");
    }

    /** Opens the image. At the first attempts, another file takes its place before it is locked. */
    private FileDescriptor openAndReplace(int times) throws IOException {
        FileDescriptor file = ImageOpener.forWriting(image, 0);
        if (opened++ < times) {
            Path other = Files.writeString(folder.resolve("other"), "number " + opened);
            Files.move(other, image, StandardCopyOption.ATOMIC_MOVE);
        }
        return file;
    }

    private static String text(FileDescriptor file) throws IOException {
        return Files.readString(Path.of("/proc/self/fd/" + file.value()));
    }

    @Test
    void fileReplacedBeforeItsLockIsClosedAgain() throws IOException {
        try (FileDescriptor file = LockedImage.open(image, () -> openAndReplace(2))) {
            assertEquals("number 2", text(file));
            assertEquals(3, opened);
            assertThrows(ImageInUseException.class, () -> LockedImage.open(image));
        }
        LockedImage.open(image).close();
    }

    @Test
    void fileRemovedBeforeItsLockIsRefused() throws IOException {
        IOException e = assertThrows(
                IOException.class,
                () -> LockedImage.open(image, () -> {
                    FileDescriptor file = ImageOpener.forWriting(image, 0);
                    Files.delete(image);
                    return file;
                }));
        assertEquals(
                image + ": no such image; make one with 'ublk-zoned create " + image + " --size 4G'", e.getMessage());
    }

    @Test
    void imageReplacedAtEachOpenIsRefused() {
        IOException e =
                assertThrows(IOException.class, () -> LockedImage.open(image, () -> openAndReplace(Integer.MAX_VALUE)));
        assertEquals(image + ": another file took its place each time it was opened; try again", e.getMessage());
        assertEquals(10, opened);
    }
}
