package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LinuxProcessTest {
    @Test
    void signalEndsAProcessAndSignalZeroOnlyTests() throws Exception {
        Process sleep = new ProcessBuilder("sleep", "60").start();
        int pid = (int) sleep.pid();
        assertEquals(0, LinuxProcess.kill(pid, 0));
        assertEquals(0, LinuxProcess.kill(pid, LinuxProcess.SIGTERM));
        assertTrue(sleep.waitFor(30, TimeUnit.SECONDS));
        assertEquals(128 + LinuxProcess.SIGTERM, sleep.exitValue());
    }

    @Test
    void idsMatchThoseOfTheKernel() throws Exception {
        String status = Files.readString(Path.of("/proc/thread-self/status"));
        assertTrue(status.contains("\nPid:\t" + LinuxProcess.threadId() + "\n"), status);
        assertTrue(status.contains("\nTgid:\t" + LinuxProcess.processId() + "\n"), status);
        assertTrue(
                status.lines().anyMatch(line -> line.matches("Uid:\t\\d+\t" + LinuxProcess.effectiveUserId() + "\t.*")),
                status);
    }

    @Test
    void invalidCallsReturnTheirErrno() {
        assertEquals(-Errno.ENOENT, LinuxProcess.chdir("/none-such"));
        assertEquals(-Errno.EBADF, LinuxProcess.dup2(-1, 5));
        int umounted = LinuxProcess.umount("/none-such", LinuxProcess.MNT_DETACH);
        assertTrue(umounted == -Errno.ENOENT || umounted == -Errno.EPERM, Errno.name(-umounted));
        assertEquals(-Errno.EINVAL, LinuxProcess.prctl(-1, 0));
        assertEquals(-Errno.EINVAL, LinuxProcess.lockMemory(0));
    }
}
