package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLock;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The process that serves a device of this program, or is about to. */
record ServerProcess(RunDirectory directory, int pid) {

    /** Returns the process that holds the lock of the run directory of the device, or null. */
    static @Nullable ServerProcess find(RunDirectory directory) throws IOException {
        ServerLock.Holder holder = ServerLock.holder(directory);
        return holder == null ? null : new ServerProcess(directory, holder.pid());
    }

    /** Returns whether the device of the process is not live yet. */
    boolean isStarting() throws IOException {
        ServerLock.Holder holder = ServerLock.holder(directory);
        return holder != null && holder.pid() == pid && holder.phase() == ServerLock.Phase.STARTING;
    }

    /**
     * Returns whether the process or a remainder of it exists. A server removes the run directory before it ends. A
     * zombie whose threads wait for a disk has no command line, but still holds the lock.
     */
    boolean isAlive() throws IOException {
        ServerLock.Holder holder = ServerLock.holder(directory);
        return isRunning() || (holder != null && holder.pid() == pid);
    }

    private boolean isRunning() {
        try {
            byte[] words = Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline"));
            return new String(words, StandardCharsets.ISO_8859_1).contains(Main.class.getName());
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns whether SIGSTOP or a debugger has stopped the process: proc_pid_stat(5), the word after its name. */
    boolean isStopped() {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
            return stat.substring(stat.lastIndexOf(')') + 1).strip().matches("(?s)[Tt] .*");
        } catch (IOException e) {
            return false; // the process has just ended
        }
    }

    /** Sends SIGTERM. */
    void terminate() throws IOException {
        signal(LinuxProcess.SIGTERM);
    }

    /** Sends SIGKILL. */
    void kill() throws IOException {
        signal(LinuxProcess.SIGKILL);
    }

    private void signal(int signal) throws IOException {
        int sent = LinuxProcess.kill(pid, signal);
        if (sent < 0 && sent != -Errno.ESRCH) {
            throw new CommandFailure("no permission to end the server, pid " + pid + ": run as root");
        }
    }
}
