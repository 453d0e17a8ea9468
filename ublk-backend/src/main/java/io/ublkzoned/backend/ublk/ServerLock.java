package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.LinuxProcess;
import io.ublkzoned.bindings.linux.OpenFileLock;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The lock on the file {@code server} in the run directory of a device. A server holds it from before the device exists
 * until its process has ended, so others know whether a device that is not live has a server. The file holds the
 * process id of the server, its phase, and how often its device has become live.
 */
public final class ServerLock implements Closeable {

    private static final String FILE = "server";
    private static final int MODE = 0600;
    private static final int WORDS = 3;

    private final FileDescriptor file;
    private int lives;

    private ServerLock(FileDescriptor file) {
        this.file = file;
    }

    /** A phase in the life of a server. */
    public enum Phase {
        /** Its device is not live yet. */
        STARTING,
        /** Its device has been live. If it no longer is, the server is closing the image. */
        STARTED,
        /** The power of its device was cut. The device comes back when its last user has closed it. */
        OFF;

        private static Phase of(String word) {
            return Arrays.stream(values())
                    .filter(phase -> phase.name().equals(word))
                    .findFirst()
                    .orElse(STARTING);
        }
    }

    /**
     * A living server.
     *
     * @param lives how often its device has become live: more than once after power cuts
     */
    public record Holder(int pid, Phase phase, int lives) {

        /**
         * Returns whether the process runs and is not just a zombie. A zombie has no command line, and keeps the lock
         * until its threads no longer wait for a disk.
         */
        public boolean isRunning() {
            try {
                return Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline")).length > 0;
            } catch (IOException e) {
                return false;
            }
        }
    }

    /**
     * Takes the lock for this process.
     *
     * @throws IOException with a sentence if another server holds it
     */
    static ServerLock take(Path runDirectory) throws IOException {
        Path path = runDirectory.resolve(FILE);
        FileDescriptor file = FileDescriptor.open(path.toString(), FileFlags.O_RDWR | FileFlags.O_CREAT, MODE);
        try {
            int result = OpenFileLock.tryLock(file.value(), FileFlags.F_WRLCK, 0, 0);
            if (result == -Errno.EAGAIN || result == -Errno.EACCES) {
                throw new IOException("the device has a server already: see ublk-zoned list");
            }
            LinuxException.check(result, "fcntl", path.toString());
            ServerLock lock = new ServerLock(file);
            lock.enter(Phase.STARTING);
            return lock;
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    /** Records that a phase begins. The words are padded, so a reader never sees the end of a longer text. */
    void enter(Phase phase) throws IOException {
        if (phase == Phase.STARTED) {
            lives++;
        }
        String text = "%-10d %-8s %-10d\n".formatted(LinuxProcess.processId(), phase, lives);
        try (Arena arena = Arena.ofConfined()) {
            long written = Libc.pwriteFully(
                    file.value(),
                    arena.allocateFrom(text, StandardCharsets.US_ASCII).asSlice(0, text.length()),
                    0);
            LinuxException.check((int) written, "pwrite", file.name());
        }
    }

    /** Returns the living server of a device, or null. */
    public static @Nullable Holder holder(RunDirectory directory) throws IOException {
        return holder(directory.path());
    }

    static @Nullable Holder holder(Path runDirectory) throws IOException {
        Path path = runDirectory.resolve(FILE);
        if (!Files.exists(path)) {
            return null;
        }
        try (FileDescriptor file = FileDescriptor.open(path.toString(), FileFlags.O_RDONLY)) {
            int result = OpenFileLock.testLock(file.value(), FileFlags.F_RDLCK, 0, 0);
            if (result != -Errno.EAGAIN) {
                LinuxException.check(result, "fcntl", path.toString());
                return null;
            }
            return parse(Files.readString(path, StandardCharsets.US_ASCII));
        } catch (LinuxException e) {
            if (e.errno() == Errno.ENOENT) {
                return null;
            }
            throw e;
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /** Parses the file. Returns null if the server has not written it yet, because such a server has no device. */
    private static @Nullable Holder parse(String text) {
        String[] words = text.strip().split(" +", -1);
        return words.length == WORDS
                ? new Holder(Integer.parseInt(words[0]), Phase.of(words[1]), Integer.parseInt(words[2]))
                : null;
    }

    @Override
    public void close() {
        file.close();
    }
}
