package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.PageCache;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ImageIoException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("native")
class FdImageFileTest {

    private static final long GIB = 1L << 30;
    private static final int LARGE = (1 << 20) + 12_345;

    @TempDir
    Path folder;

    private Path path;
    private FileDescriptor descriptor;
    private FdImageFile file;

    @BeforeEach
    void makeFile() throws IOException {
        path = folder.resolve("disk.qcow2");
        descriptor =
                FileDescriptor.open(path.toString(), FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL, 0600);
        file = new FdImageFile(descriptor);
    }

    @AfterEach
    void closeFile() {
        descriptor.close();
    }

    @Test
    void searchFindsDataAndHoles() throws IOException {
        file.setSize(4 * GIB);
        file.write(MemorySegment.ofArray(new byte[] {1}), GIB + 100);
        long data = file.nextData(0);
        // File systems without holes have data everywhere.
        assertTrue(data == 0 || (data > GIB - (2 << 20) && data <= GIB + 100), "data at " + data);
        assertEquals(GIB + 100, file.nextData(GIB + 100));
        long afterData = file.nextData(2 * GIB);
        assertTrue(afterData == 2 * GIB || afterData == 4 * GIB, "data at " + afterData);
        assertEquals(5 * GIB, file.nextData(5 * GIB));
    }

    @Test
    void searchFindsTheEndOfData() throws IOException {
        file.setSize(4 * GIB);
        file.write(MemorySegment.ofArray(new byte[] {1}), GIB + 100);
        long hole = file.nextHole(GIB + 100);
        assertTrue((hole > GIB + 100 && hole <= GIB + (2 << 20)) || hole == 4 * GIB, "a hole at " + hole);
        long atStart = file.nextHole(0);
        assertTrue(atStart == 0 || atStart == 4 * GIB, "a hole at " + atStart);
        assertTrue((GIB + 100) / file.blockBytes() < hole / file.blockBytes(), "a hole smaller than a block");
    }

    @Test
    void discardedCacheLeavesWhatIsOnTheDisk() throws IOException {
        byte[] data = new byte[LARGE];
        new Random(1).nextBytes(data);
        file.write(MemorySegment.ofArray(data), 0);
        file.discardCache();
        if (!Files.getFileStore(path).type().equals("tmpfs")) {
            assertEquals(0, PageCache.cleanPages(descriptor.value()), "pages in the cache");
        }
        MemorySegment read = MemorySegment.ofArray(new byte[LARGE]);
        file.read(read, 0);
        assertEquals(-1, read.mismatch(MemorySegment.ofArray(data)));
    }

    @Test
    void transfersAreCompleteForAnySegment() throws IOException {
        byte[] data = new byte[LARGE];
        new Random(1).nextBytes(data);
        file.write(MemorySegment.ofArray(data), 4096);
        file.sync(Barrier.DATA_BEFORE_POINTERS);
        byte[] back = new byte[LARGE];
        file.read(MemorySegment.ofArray(back), 4096);
        assertArrayEquals(data, back);
        MemorySegment words = MemorySegment.ofArray(new long[LARGE / 8]);
        file.read(words, 4096);
        assertEquals(-1, words.mismatch(MemorySegment.ofArray(data).asSlice(0, words.byteSize())));
    }

    @Test
    void readPastTheEndFails() throws IOException {
        file.setSize(100);
        EOFException e = assertThrows(EOFException.class, () -> file.read(MemorySegment.ofArray(new byte[10]), 95));
        assertEquals(path + ": the file ends at 100", e.getMessage());
    }

    @Test
    void holeReadsAsZerosAndKeepsTheLength() throws IOException {
        byte[] data = new byte[LARGE];
        Arrays.fill(data, (byte) 'x');
        file.write(MemorySegment.ofArray(data), 0);
        file.punchHole(10, LARGE);
        assertEquals(LARGE, file.sizeBytes());
        assertArrayEquals(Arrays.copyOf(Arrays.copyOf(data, 10), LARGE), Files.readAllBytes(path));
    }

    @Test
    void sizeGrowsWithZerosAndShrinks() throws IOException {
        file.setSize(1L << 40);
        assertEquals(1L << 40, file.sizeBytes());
        byte[] end = {1, 2, 3};
        file.read(MemorySegment.ofArray(end), (1L << 40) - 3);
        assertArrayEquals(new byte[3], end);
        file.setSize(5);
        assertEquals(5, file.sizeBytes());
    }

    @Test
    void fileOpenForReadingIsNotWritten() throws IOException {
        Files.writeString(path, "a letter");
        try (FileDescriptor readOnly = ImageOpener.forReading(path)) {
            FdImageFile letter = new FdImageFile(readOnly);
            ImageIoException e =
                    assertThrows(ImageIoException.class, () -> letter.write(MemorySegment.ofArray(new byte[1]), 0));
            assertEquals(Errno.EBADF, e.errno());
        }
        assertEquals("a letter", Files.readString(path));
    }
}
