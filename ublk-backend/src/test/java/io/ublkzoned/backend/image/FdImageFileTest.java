package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("native")
class FdImageFileTest {

    private static final long GIB = 1L << 30;

    @TempDir
    Path folder;

    @Test
    void holesAreSkippedAndDataIsNot() throws IOException {
        String path = folder.resolve("disk.qcow2").toString();
        try (FileDescriptor descriptor =
                FileDescriptor.open(path, FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL, 0600)) {
            FdImageFile file = new FdImageFile(descriptor);
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
    }
}
