package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RequestsInKernelTest {

    @TempDir
    private Path folder;

    @Test
    void readsAndWritesAreCounted() throws IOException {
        Files.writeString(folder.resolve("inflight"), "       3       17\n");
        assertEquals("reads under way: 3, writes: 17 (flushes are not counted)", RequestsInKernel.of(folder));
    }

    @Test
    void deviceThatIsGoneHasNone() {
        assertEquals("there is no block device; 'dmesg' may have the reason", RequestsInKernel.of(folder));
    }
}
