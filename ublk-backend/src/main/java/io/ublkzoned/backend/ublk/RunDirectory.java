package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.bindings.linux.LinuxProcess;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.StateException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The directory of a device, {@code /run/ublk-zoned/ID/}, in which other processes find it while it exists. It holds a
 * link to the image, the cache mode, the name of the device, the log of the server, and the state of the device. Only root can read it.
 *
 * <p>A ublk device without such a directory belongs to another program. A directory of another boot counts as missing,
 * even where /run outlives a boot, since its device is gone.
 */
public final class RunDirectory {

    private static final Path ROOT = Path.of("/run/ublk-zoned");
    private static final String IMAGE = "image";
    private static final String CACHE = "cache";
    private static final String NAME = "name";
    private static final String BOOT = "boot";
    private static final String FAILURE = "failure";

    private static final Set<PosixFilePermission> FOLDER_PERMISSIONS = PosixFilePermissions.fromString("rwx------");

    /** The permissions of every file in the directory. */
    static final FileAttribute<?> FILE_PERMISSIONS =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final Path root;
    private final String name;

    public RunDirectory(int deviceId) {
        this(ROOT, deviceId);
    }

    /**
     * Names the directory of a device.
     *
     * @param root stands for /run/ublk-zoned
     */
    RunDirectory(Path root, int deviceId) {
        this(root, Integer.toString(deviceId));
    }

    private RunDirectory(Path root, String name) {
        this.root = root;
        this.name = name;
    }

    /**
     * Creates the directory for a device that does not exist yet, with the path of its image and with the lock of its
     * server. It appears as a whole or not at all.
     *
     * @param image the real path of the image
     * @param deviceName empty if it has none
     * @return the lock, or null if the directory already exists: a device uses it, or a dead server left it
     */
    @Nullable
    ServerLock create(Path image, CacheMode cacheMode, String deviceName) throws IOException {
        makeFolder(root);
        removeIfOfAnotherBoot();
        RunDirectory made = new RunDirectory(root, "." + name + "." + LinuxProcess.processId());
        makeFolder(made.path());
        made.setImage(image);
        made.write(CACHE, cacheMode.name());
        if (!deviceName.isEmpty()) {
            made.write(NAME, deviceName);
        }
        made.write(BOOT, ImageIdentities.bootId().toString());
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

    private static void makeFolder(Path folder) throws IOException {
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(FOLDER_PERMISSIONS));
        // The umask may have removed permissions, and another process may have made the folder with more.
        Files.setPosixFilePermissions(folder, FOLDER_PERMISSIONS);
    }

    private void write(String file, String text) throws IOException {
        Set<StandardOpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try (FileChannel channel = FileChannel.open(path().resolve(file), options, FILE_PERMISSIONS)) {
            channel.write(ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8)));
        }
    }

    private void removeIfOfAnotherBoot() throws IOException {
        if (Files.isDirectory(path()) && !exists()) {
            remove();
        }
    }

    /** Returns the ids of the devices that have a directory, in ascending order. */
    public static List<Integer> ids() throws IOException {
        return ids(ROOT);
    }

    static List<Integer> ids(Path root) throws IOException {
        List<Integer> ids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (name.matches("[0-9]{1,9}") && new RunDirectory(root, name).exists()) {
                    ids.add(Integer.parseInt(name));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (AccessDeniedException e) {
            throw new IOException(root + ": no permission to see the devices, run as root", e);
        }
        Collections.sort(ids);
        return ids;
    }

    /** Finds the device whose image is this file, under any name. Only root can find a device. */
    public static OptionalInt deviceOf(Path image) throws IOException {
        return deviceOf(ROOT, image);
    }

    static OptionalInt deviceOf(Path root, Path image) throws IOException {
        if (!Files.isReadable(root) || !Files.exists(image)) {
            return OptionalInt.empty();
        }
        ImageIdentity found = ImageIdentities.of(image);
        for (int id : ids(root)) {
            if (new RunDirectory(root, id).isOf(found)) {
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }

    /** Returns whether the image of the device is this file. */
    boolean isOf(ImageIdentity file) throws IOException {
        try {
            Optional<DeviceState> state = state();
            return state.isPresent() ? state.get().image().isSameFile(file) : isAtItsPath(file);
        } catch (StateException e) {
            return isAtItsPath(file);
        }
    }

    /** Returns whether the path of the image leads to this file. */
    boolean isAtItsPath(ImageIdentity file) throws IOException {
        try {
            return ImageIdentities.of(image()).isSameFile(file);
        } catch (FileSystemException e) {
            return false; // the path leads to no file
        }
    }

    /** Reads the acknowledged state of the device. It is empty if the server has not stored it yet. */
    Optional<DeviceState> state() throws IOException {
        return StateFile.read(stateFile());
    }

    public boolean exists() throws IOException {
        try {
            String boot = Files.readString(path().resolve(BOOT), StandardCharsets.US_ASCII);
            return boot.stripTrailing().equals(ImageIdentities.bootId().toString());
        } catch (NoSuchFileException e) {
            return false;
        } catch (AccessDeniedException e) {
            throw new IOException(root + ": no permission to see the devices, run as root", e);
        }
    }

    public Path path() {
        return root.resolve(name);
    }

    /** Returns the path of the image when the device was last attached or recovered. */
    public Path image() throws IOException {
        return Files.readSymbolicLink(path().resolve(IMAGE));
    }

    /** Stores the new path of the image. */
    void setImage(Path image) throws IOException {
        Path link = path().resolve("." + IMAGE);
        Files.deleteIfExists(link);
        Files.createSymbolicLink(link, image);
        Files.move(link, path().resolve(IMAGE), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Returns the cache mode with which the device was attached. */
    public CacheMode cacheMode() throws IOException {
        return CacheMode.valueOf(Files.readString(path().resolve(CACHE)).stripTrailing());
    }

    /** Returns the name of the device, empty if it has none. */
    public String deviceName() throws IOException {
        return text(NAME).orElse("");
    }

    void setDeviceName(String deviceName) throws IOException {
        Files.deleteIfExists(path().resolve(NAME));
        write(NAME, deviceName);
    }

    /** Stores the sentence that says why the device did not come back after a power cut. */
    void setFailure(String sentence) throws IOException {
        write(FAILURE, sentence);
    }

    /** Returns the sentence that says why the device did not come back, if its server could store one. */
    public Optional<String> failure() throws IOException {
        return text(FAILURE);
    }

    private Optional<String> text(String file) throws IOException {
        try {
            return Optional.of(Files.readString(path().resolve(file)).stripTrailing());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    public Path logFile() {
        return path().resolve("log");
    }

    /** Returns the file of the acknowledged state, see {@link StateFile}. */
    Path stateFile() {
        return path().resolve("state");
    }

    /** Returns the socket of the server, see {@link ControlSocket}. */
    Path controlSocket() {
        return path().resolve("control");
    }

    /** Removes the directory with all its files, and its parent after the last one. Removing it again does nothing. */
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
            // Other devices exist.
        }
    }
}
