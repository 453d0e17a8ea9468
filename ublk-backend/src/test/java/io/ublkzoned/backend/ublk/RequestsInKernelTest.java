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
        assertEquals("reads in flight: 3, writes: 17 (flushes are not counted)", RequestsInKernel.of(folder));
    }

    @Test
    void missingDeviceHasNoRequests() {
        assertEquals("no block device exists; 'dmesg' may show the reason", RequestsInKernel.of(folder));
    }
}
