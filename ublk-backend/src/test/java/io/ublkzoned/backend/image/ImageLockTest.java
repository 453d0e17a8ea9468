package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageLockTest {

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void makeFile() throws IOException {
        image = Files.createFile(folder.resolve("disk.qcow2"));
    }

    @Test
    void secondWriterIsRefusedUntilTheFirstHasClosed() throws IOException {
        try (FileDescriptor first = open()) {
            ImageLock.lockForWriting(first, image.toString());
            try (FileDescriptor second = open()) {
                IOException e =
                        assertThrows(IOException.class, () -> ImageLock.lockForWriting(second, image.toString()));
                assertEquals(image + " is in use by another process, which has it locked as QEMU does", e.getMessage());
            }
            // Closing the refused file has not released the lock of the first one.
            assertTrue(isLocked());
        }
        assertFalse(isLocked());
        try (FileDescriptor third = open()) {
            ImageLock.lockForWriting(third, image.toString());
        }
    }

    @Test
    void testLeavesNoLockBehind() throws IOException {
        assertFalse(isLocked());
        try (FileDescriptor file = open()) {
            try (FileDescriptor asking = FileDescriptor.open(image.toString(), FileFlags.O_RDONLY)) {
                ImageLock.requireUnused(asking, image.toString());
                ImageLock.lockForWriting(file, image.toString());
                assertThrows(ImageInUseException.class, () -> ImageLock.requireUnused(asking, image.toString()));
            }
        }
    }

    /** A command that reads must not make a concurrent {@code add} fail. */
    @Test
    void testExcludesNoWriter() throws Exception {
        AtomicBoolean ended = new AtomicBoolean();
        try (FileDescriptor asking = FileDescriptor.open(image.toString(), FileFlags.O_RDONLY)) {
            CompletableFuture<Void> asked = CompletableFuture.runAsync(() -> {
                while (!ended.get()) {
                    try {
                        ImageLock.requireUnused(asking, image.toString());
                    } catch (ImageInUseException e) {
                        // The other thread holds the lock at the moment.
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }
            });
            try {
                for (int i = 0; i < 2000; i++) {
                    LockedImage.open(image).close();
                }
            } finally {
                ended.set(true);
            }
            asked.get();
        }
    }

    @Test
    void qemuRespectsTheLock() throws IOException, InterruptedException {
        makeQcow2();
        try (FileDescriptor file = open()) {
            ImageLock.lockForWriting(file, image.toString());
            Process info = qemu("qemu-img", "info", image.toString());
            String said = output(info);
            assertTrue(info.waitFor() != 0 && said.contains("lock"), said);
        }
        assertEquals(0, qemu("qemu-img", "info", image.toString()).waitFor());
    }

    @Test
    void lockOfQemuIsRespected() throws IOException, InterruptedException {
        makeQcow2();
        Process writer = qemu("qemu-io", image.toString());
        try {
            // The answer shows that qemu-io has opened the image.
            writer.outputWriter().append("length\n").flush();
            try (BufferedReader answer = writer.inputReader();
                    FileDescriptor file = open()) {
                assertTrue(answer.readLine().contains("MiB"));
                assertTrue(isLocked());
                assertThrows(IOException.class, () -> ImageLock.lockForWriting(file, image.toString()));
            }
        } finally {
            writer.destroy();
            writer.waitFor();
        }
        assertFalse(isLocked());
    }

    private void makeQcow2() throws IOException, InterruptedException {
        assertEquals(
                0,
                qemu("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "1M")
                        .waitFor());
    }

    private static Process qemu(String... words) throws IOException {
        assumeTrue(Files.exists(Path.of("/usr/bin", words[0])), words[0] + " is missing: apt-get install qemu-utils");
        return new ProcessBuilder(words).redirectErrorStream(true).start();
    }

    private static String output(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private FileDescriptor open() throws IOException {
        return FileDescriptor.open(image.toString(), FileFlags.O_RDWR);
    }

    private boolean isLocked() throws IOException {
        try (FileDescriptor asking = FileDescriptor.open(image.toString(), FileFlags.O_RDONLY)) {
            ImageLock.requireUnused(asking, image.toString());
            return false;
        } catch (ImageInUseException e) {
            return true;
        }
    }
}
