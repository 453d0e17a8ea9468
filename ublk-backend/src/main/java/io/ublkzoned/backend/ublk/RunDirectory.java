package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a device of ours leaves for others to find while it exists: {@code /run/ublk-zoned/ID/}, with the path of its
 * image, how data reach that, the log of its server, and its state. A ublk device without such a directory belongs to
 * another program.
 */
public final class RunDirectory {

    private static final Path ROOT = Path.of("/run/ublk-zoned");
    private static final Set<PosixFilePermission> PERMISSIONS = PosixFilePermissions.fromString("rwxr-xr-x");

    private final Path root;
    private final String name;

    public RunDirectory(int deviceId) {
        this(ROOT, deviceId);
    }

    /** @param root stands for /run/ublk-zoned */
    RunDirectory(Path root, int deviceId) {
        this(root, Integer.toString(deviceId));
    }

    private RunDirectory(Path root, String name) {
        this.root = root;
        this.name = name;
    }

    /**
     * Makes it for a device that is about to be, and writes down its image; it is there as a whole or not at all, and
     * its server's lock with it.
     *
     * @return the lock; null if there is one, of a device or of what a dead server left
     */
    @Nullable
    ServerLock create(Path image, CacheMode cacheMode) throws IOException {
        RunDirectory made = new RunDirectory(root, "." + name + "." + LinuxProcess.processId());
        Files.createDirectories(made.path(), PosixFilePermissions.asFileAttribute(PERMISSIONS));
        Files.writeString(made.path().resolve("image"), image.toAbsolutePath().normalize() + "\n");
        Files.writeString(made.path().resolve("cache"), cacheMode + "\n");
        ServerLock lock = ServerLock.take(made.path());
        try {
            Files.move(made.path(), path(), StandardCopyOption.ATOMIC_MOVE);
            return lock;
        } catch (FileSystemException e) {
            lock.close();
            made.remove();
            if (exists()) {
                return null;
            }
            throw e;
        }
    }

    /** The ids of the devices that have one, in ascending order. */
    public static List<Integer> ids() throws IOException {
        return ids(ROOT);
    }

    static List<Integer> ids(Path root) throws IOException {
        List<Integer> ids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (name.matches("[0-9]{1,9}")) {
                    ids.add(Integer.parseInt(name));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        Collections.sort(ids);
        return ids;
    }

    /** The device whose image is this file, under whatever name. */
    public static OptionalInt deviceOf(Path image) throws IOException {
        return deviceOf(ROOT, image);
    }

    static OptionalInt deviceOf(Path root, Path image) throws IOException {
        for (int id : ids(root)) {
            try {
                if (Files.isSameFile(new RunDirectory(root, id).image(), image)) {
                    return OptionalInt.of(id);
                }
            } catch (NoSuchFileException e) {
                // Just deleted, or its image was given another name.
            }
        }
        return OptionalInt.empty();
    }

    public boolean exists() {
        return Files.isDirectory(path());
    }

    public Path path() {
        return root.resolve(name);
    }

    /** The absolute path of the image. */
    public Path image() throws IOException {
        return Path.of(Files.readString(path().resolve("image")).stripTrailing());
    }

    CacheMode cacheMode() throws IOException {
        return CacheMode.valueOf(Files.readString(path().resolve("cache")).stripTrailing());
    }

    public Path logFile() {
        return path().resolve("log");
    }

    /** What the device has acknowledged, see {@link StateFile}. */
    Path stateFile() {
        return path().resolve("state");
    }

    /** Where its server listens, see {@link ControlSocket}. */
    Path controlSocket() {
        return path().resolve("control");
    }

    /** Removes it with all that is in it, and its parent after the last one. Removing it again does nothing. */
    public void remove() throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(path())) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        } catch (NoSuchFileException e) {
            return;
        }
        Files.deleteIfExists(path());
        try {
            Files.deleteIfExists(root);
        } catch (DirectoryNotEmptyException e) {
            // There are other devices.
        }
    }
}
