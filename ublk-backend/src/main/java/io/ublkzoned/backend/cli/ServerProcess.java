package io.ublkzoned.backend.cli;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The process that serves a device of ours. */
record ServerProcess(int pid) {

    /**
     * The process of this number if it is a server of ours, else null: the kernel gives numbers of the dead to others.
     */
    static @Nullable ServerProcess find(int pid) {
        ServerProcess process = new ServerProcess(pid);
        return process.isAlive() ? process : null;
    }

    /** Whether it runs: a zombie has no command line any more. */
    boolean isAlive() {
        try {
            byte[] words = Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline"));
            return new String(words, StandardCharsets.ISO_8859_1).contains(Main.class.getName());
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether it was stopped, by SIGSTOP or a debugger: proc_pid_stat(5), the word behind its name. */
    boolean isStopped() {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
            return stat.substring(stat.lastIndexOf(')') + 1).strip().matches("(?s)[Tt] .*");
        } catch (IOException e) {
            return false; // it has just ended
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
