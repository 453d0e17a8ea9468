package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.bindings.uring.RingFeatures;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Queues on files that are not ublk devices, and so refuse their commands. */
final class UblkQueueTest {

    private static final DeviceInfo INFO = new DeviceInfo(0, -1, 0, UblkFeatures.ZONED, 1, 8, 1 << 20);

    @TempDir
    private Path folder;

    @BeforeEach
    void requireRing() {
        RingFeatures ring = RingFeatures.ofThisKernel();
        assumeTrue(ring.available(), () -> "SKIPPED: " + ring.unavailableReason());
    }

    /** Uses a queue on a file that stands for /dev/ublkcN, and closes the files that it opened. */
    private <T extends Throwable> T failure(Class<T> type, Path deviceFile) throws IOException {
        // Each attempt has its own image: a ring keeps the image open, and the kernel ends the ring some time after its
        // close.
        Path path = Files.createTempFile(folder, "disk", ".qcow2");
        int flags = FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_TRUNC;
        try (FileDescriptor file = FileDescriptor.open(path.toString(), flags, 0600)) {
            FormatOptions options =
                    FormatOptions.ofSize(64L << 20).zoneSize(16L << 20).build();
            ImageFormatter.format(new FdImageFile(file), options);
        }
        try (AttachedImage image = AttachedImage.open(path, CacheMode.WRITEBACK);
                FileDescriptor file = FileDescriptor.open(deviceFile.toString(), FileFlags.O_RDWR)) {
            ZonedDevice device = ZonedDevice.open(new FdImageFile(image.metadata()), () -> {});
            return assertThrows(type, () -> {
                ServedDevice serving =
                        new ServedDevice(INFO, new DeviceShape(device.geometry(), 4096, 8), device, image);
                try (UblkQueue queue = new UblkQueue(0, serving, file, new RequestStatistics(8))) {
                    queue.fetchAll();
                }
            });
        }
    }

    @Test
    void failedQueueLeavesNothingOpen() throws IOException {
        failure(LinuxException.class, Path.of("/dev/null")); // loads classes, whose files stay open
        List<String> before = openFiles();
        LinuxException e = failure(LinuxException.class, Path.of("/dev/null"));
        assertTrue(e.toString().contains("mmap"), e.toString());
        assertEquals(before, openFiles());
    }

    @Test
    void refusedFetchFails() throws IOException {
        Path file = Files.write(folder.resolve("device"), new byte[4096]);
        LinuxException e = failure(LinuxException.class, file);
        assertTrue(e.toString().contains("the command that fetches a request"), e.toString());
    }

    private static List<String> openFiles() throws IOException {
        try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
            return links.map(UblkQueueTest::target)
                    .filter(UblkQueueTest::isOfAQueue)
                    .sorted()
                    .toList();
        }
    }

    private static boolean isOfAQueue(String target) {
        return target.startsWith("anon_inode:");
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // the descriptor that listed the folder, which is closed now
        }
    }
}
