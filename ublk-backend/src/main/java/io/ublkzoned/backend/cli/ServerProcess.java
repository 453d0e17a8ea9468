package io.ublkzoned.backend.cli;

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

    /** Sends SIGTERM. */
    void terminate() throws IOException {
        if (!ProcessHandle.of(pid).map(ProcessHandle::destroy).orElse(true)) {
            throw new CommandFailure("no permission to end the server, pid " + pid + ": run as root");
        }
    }
}
