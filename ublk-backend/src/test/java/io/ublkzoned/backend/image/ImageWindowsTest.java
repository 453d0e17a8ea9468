package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageWindowsTest {

    private static final int PAGE = 4096;
    private static final int BLOCK = 64 * PAGE;
    private static final long WINDOW = 1L << 30;

    @TempDir
    private Path folder;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment vector = arena.allocate(ImageWindow.VECTOR_BYTES, Long.BYTES);
    private FileDescriptor image;
    private ImageWindows windows;

    @BeforeEach
    void makeImage() throws LinuxException {
        int flags = FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL;
        image = FileDescriptor.open(folder.resolve("image").toString(), flags, 0600);
        windows = new ImageWindows(image);
    }

    @AfterEach
    void close() {
        windows.close();
        image.close();
        arena.close();
    }

    private void write(long offset, int length) {
        assertEquals(
                length, Libc.pwriteFully(image.value(), arena.allocate(length).fill((byte) 7), offset));
    }

    private ImageWindow window(long offset) {
        ImageWindow window = windows.at(offset);
        assertNotNull(window);
        return window;
    }

    @Test
    void onlyPagesInTheCacheCountAsCached() {
        // The second block has a page without data, and the third one lies beyond the end of the file.
        write(0, BLOCK + 5 * PAGE);
        Libc.ftruncate(image.value(), 2 * BLOCK);
        ImageWindow window = window(0);
        assertTrue(window.isCached(0, BLOCK, vector));
        assertTrue(window.isCached(3 * PAGE + 512, 512, vector));
        assertTrue(window.isCached(BLOCK - PAGE, 6 * PAGE, vector));
        assertTrue(window.isCached(BLOCK + 4 * PAGE, PAGE, vector));
        assertFalse(window.isCached(BLOCK + 4 * PAGE, PAGE + 512, vector));
        assertFalse(window.isCached(BLOCK + 5 * PAGE, PAGE, vector));
        assertFalse(window.isCached(BLOCK - PAGE, 7 * PAGE, vector));
        assertFalse(window.isCached(2 * BLOCK, PAGE, vector));
    }

    @Test
    void windowShowsItsPartOfTheImage() {
        write(WINDOW + 5 * PAGE, PAGE);
        ImageWindow second = window(WINDOW + 5 * PAGE);
        assertSame(second, window(2 * WINDOW - 1));
        assertNotEquals(second, window(WINDOW - 1));
        // As the driver does, the kernel copies from the mapped page.
        assertEquals(PAGE, Libc.pwrite(image.value(), second.address(WINDOW + 5 * PAGE), PAGE, 2 * PAGE));
        MemorySegment copied = arena.allocate(PAGE);
        assertEquals(PAGE, Libc.pread(image.value(), copied, 2 * PAGE));
        assertEquals(7, copied.get(ValueLayout.JAVA_BYTE, PAGE - 1));
    }

    @Test
    void partThatCrossesTheEndOfAWindowIsNotMapped() {
        write(WINDOW - PAGE, 2 * PAGE);
        CachedImage cached = new CachedImage(image, windows, arena);
        assertNotEquals(0, cached.mapped(WINDOW - PAGE, PAGE));
        assertNotEquals(0, cached.mapped(WINDOW, PAGE));
        assertEquals(0, cached.mapped(WINDOW - PAGE, 2 * PAGE));
    }

    @Test
    void numberOfWindowsIsLimited() {
        for (long number = 0; number < 64; number++) {
            assertNotNull(windows.at(number * WINDOW));
        }
        assertNull(windows.at(64 * WINDOW));
        assertNull(windows.at(1L << 57));
        assertNotNull(windows.at(0));
    }

    @Test
    void writesAreMappedOnlyIfPermitted() {
        write(0, PAGE);
        CachedImage cached = new CachedImage(image, windows, arena);
        assertEquals(0, cached.mappedForWriting(0, PAGE));
        windows.permitWrites();
        assertEquals(cached.mapped(0, PAGE), cached.mappedForWriting(0, PAGE));
        assertEquals(0, cached.mappedForWriting(BLOCK, PAGE));
    }

    /** What is stored to the last page behind the end of the file is lost, although its page is cached. */
    @Test
    void writesBeyondTheEndOfTheFileAreNotMapped() {
        write(0, 512);
        windows.permitWrites();
        CachedImage cached = new CachedImage(image, windows, arena);
        assertNotEquals(0, cached.mappedForWriting(0, 512));
        assertEquals(0, cached.mappedForWriting(512, 512));
        write(512, 512);
        assertNotEquals(0, cached.mappedForWriting(512, 512));
        assertEquals(0, cached.mappedForWriting(512, 1024));
    }

    @Test
    void fileThatCannotBeMappedHasNoWindows() throws LinuxException {
        write(0, PAGE);
        try (FileDescriptor readOnly = FileDescriptor.open(image.name(), FileFlags.O_RDONLY);
                ImageWindows unmappable = new ImageWindows(readOnly)) {
            assertNull(unmappable.at(0));
            assertNull(unmappable.at(0));
        }
    }
}
