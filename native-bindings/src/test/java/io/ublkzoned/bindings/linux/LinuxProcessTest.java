package io.ublkzoned.bindings.linux;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LinuxProcessTest {
    @Test
    void signalEndsAProcessAndZeroOnlyAsks() throws Exception {
        Process sleep = new ProcessBuilder("sleep", "60").start();
        int pid = (int) sleep.pid();
        assertEquals(0, LinuxProcess.kill(pid, 0));
        assertEquals(0, LinuxProcess.kill(pid, LinuxProcess.SIGTERM));
        assertTrue(sleep.waitFor(30, TimeUnit.SECONDS));
        assertEquals(128 + LinuxProcess.SIGTERM, sleep.exitValue());
    }

    @Test
    void threadAndUserAreTheKernels() throws Exception {
        String status = Files.readString(Path.of("/proc/thread-self/status"));
        assertTrue(status.contains("\nPid:\t" + LinuxProcess.threadId() + "\n"), status);
        assertTrue(
                status.lines().anyMatch(line -> line.matches("Uid:\t\\d+\t" + LinuxProcess.effectiveUserId() + "\t.*")),
                status);
    }

    @Test
    void pinnedThreadStaysOnItsCpu() throws Exception {
        String[] allowed = new String[1];
        int[] result = new int[1];
        Thread thread = new Thread(() -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment mask = arena.allocate(16, 8);
                mask.set(ValueLayout.JAVA_LONG, 0, 1L);
                result[0] = LinuxProcess.pinThread(mask);
                allowed[0] = cpusAllowed();
            }
        });
        thread.start();
        thread.join();
        assertEquals(0, result[0]);
        assertEquals("0", allowed[0]);
    }

    private static String cpusAllowed() {
        try {
            return Files.readAllLines(Path.of("/proc/thread-self/status"), US_ASCII).stream()
                    .filter(line -> line.startsWith("Cpus_allowed_list:"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElseThrow();
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void impossibleOnesComeBackAsErrno() {
        assertEquals(-Errno.ENOENT, LinuxProcess.chdir("/none-such"));
        assertEquals(-Errno.EBADF, LinuxProcess.dup2(-1, 5));
        assertEquals(-Errno.EINVAL, LinuxProcess.prctl(-1, 0));
        assertEquals(-Errno.EINVAL, LinuxProcess.lockMemory(0));
    }
}
