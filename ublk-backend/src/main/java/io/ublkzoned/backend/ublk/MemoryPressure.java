package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The precautions that let a server work when memory is short. The kernel then writes back dirty pages, including those
 * of the device that this process serves. A server that waits for a page would wait for itself.
 */
final class MemoryPressure {

    private static final Path OOM_SCORE = Path.of("/proc/self/oom_score_adj");
    private static final String NEVER_KILL = "-1000"; // OOM_SCORE_ADJ_MIN

    private MemoryPressure() {}

    /**
     * Locks the pages that this process touches. Marks the calling thread and those that it starts later as threads
     * whose allocations must not wait for I/O, and whose writes the kernel does not throttle because of the dirty pages
     * of other processes. Asks the kernel to kill other processes when memory runs out. Logs each step that is not
     * permitted.
     */
    static void prepare() {
        require(
                "mlockall",
                LinuxProcess.lockMemory(LinuxProcess.MCL_CURRENT | LinuxProcess.MCL_FUTURE | LinuxProcess.MCL_ONFAULT));
        require("PR_SET_IO_FLUSHER", LinuxProcess.prctl(LinuxProcess.PR_SET_IO_FLUSHER, 1));
        try {
            Files.writeString(OOM_SCORE, NEVER_KILL, StandardOpenOption.WRITE);
        } catch (IOException e) {
            ServerLog.LOG.warn("{} cannot be written: the kernel may kill the server when memory runs out", OOM_SCORE);
        }
    }

    private static void require(String call, int result) {
        if (result < 0) {
            ServerLog.LOG.warn(
                    "{} failed with {}: the device may hang when memory is short", call, Errno.name(-result));
        }
    }
}
