package io.ublkzoned.backend.cli;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The users of a block device: a mounted file system, a device on top of it, an exported target, or a process that has
 * it open. Swap is not among them, since the kernel accepts no zoned device for that.
 */
final class DeviceUsers {

    private static final long PASSING_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** A part of the name of udev. It opens each device that is new or was written to, and closes it again soon. */
    private static final String UDEV = "udev";

    private static final long UDEV_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final Path PROC = Path.of("/proc");
    private static final Path BLOCK = Path.of("/sys/block");

    /** The exports in configfs: folders, with an asterisk per level, and the file in each that names a device. */
    private static final List<Export> EXPORTS = List.of(
            new Export(Path.of("/sys/kernel/config/nvmet/subsystems"), "*/namespaces/*", "device_path", "NVMe target"),
            new Export(Path.of("/sys/kernel/config/target/core"), "iblock_*/*", "udev_path", "SCSI target"));

    private record Export(Path root, String folders, String file, String kind) {}

    /**
     * A user of the device.
     *
     * @param sentence about the device, without its name
     * @param patienceNanos how long to wait for its end before the device counts as in use
     */
    record User(String sentence, long patienceNanos) {

        static User lasting(String sentence) {
            return new User(sentence, 0);
        }

        static User passing(String sentence) {
            return new User(sentence, PASSING_NANOS);
        }

        CommandFailure refusal(LiveDevice device) {
            return new CommandFailure(device.path() + " " + sentence);
        }
    }

    private DeviceUsers() {}

    /** Returns a user of the device, or null if user space can see none. */
    static @Nullable User find(LiveDevice device) throws IOException {
        User user = findLasting(device);
        return user == null ? opener(device.path()) : user;
    }

    /**
     * Returns a file system, device or target that uses the device, or null. If the server of the device is dead, only
     * these count. A process that merely has it open, such as udev, may wait for a request, which fails when the device
     * is removed.
     */
    static @Nullable User findLasting(LiveDevice device) throws IOException {
        User user = loopDevice(device.path());
        for (Export export : EXPORTS) {
            user = user == null ? target(export, export.root, export.folders, device.path()) : user;
        }
        return user == null && isClaimed(device) ? claimant(device) : user;
    }

    /** Returns whether the kernel has given the device to a file system or another device. */
    private static boolean isClaimed(LiveDevice device) {
        try {
            FileDescriptor.open(device.path(), FileFlags.O_RDONLY | FileFlags.O_EXCL)
                    .close();
            return false;
        } catch (LinuxException e) {
            // Any other error means that the device is gone, or the next step fails too and reports the reason.
            return e.errno() == Errno.EBUSY;
        }
    }

    private static User claimant(LiveDevice device) throws IOException {
        DeviceMount mount = DeviceMount.find(device);
        if (mount != null) {
            return User.lasting("is mounted: umount " + mount);
        }
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(BLOCK.resolve("ublkb" + device.id()).resolve("holders"))) {
            for (Path entry : entries) {
                return User.lasting("is in use by /dev/" + entry.getFileName());
            }
        } catch (NoSuchFileException e) {
            // The device has just been removed, and so has its user.
        }
        return User.passing("is in use by another program, which has opened it exclusively");
    }

    /**
     * Returns a loop device that uses the device. A loop device neither claims its device nor appears among the
     * holders.
     */
    private static @Nullable User loopDevice(String devicePath) throws IOException {
        try (DirectoryStream<Path> loops = Files.newDirectoryStream(BLOCK, "loop*")) {
            for (Path loop : loops) {
                if (devicePath.equals(line(loop.resolve("loop/backing_file")))) {
                    return User.lasting("is in use by /dev/%s: losetup -d /dev/%1$s".formatted(loop.getFileName()));
                }
            }
        }
        return null;
    }

    private static @Nullable User target(Export export, Path folder, String folders, String devicePath)
            throws IOException {
        if (folders.isEmpty()) {
            return devicePath.equals(line(folder.resolve(export.file))) && "1".equals(line(folder.resolve("enable")))
                    ? User.lasting("is exported as an %s: see %s".formatted(export.kind, folder))
                    : null;
        }
        String[] levels = folders.split("/", 2);
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, levels[0])) {
            for (Path entry : entries) {
                User user = target(export, entry, levels.length == 1 ? "" : levels[1], devicePath);
                if (user != null) {
                    return user;
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // The kernel has no such targets.
        }
        return null;
    }

    private static @Nullable String line(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            return null;
        }
    }

    /** Returns a process that has the device open, or null if this user can see none. */
    private static @Nullable User opener(String devicePath) throws IOException {
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                if (hasOpen(process, devicePath)) {
                    String name = String.valueOf(line(process.resolve("comm")));
                    String sentence =
                            "is open in process %s (%s): end that first".formatted(process.getFileName(), name);
                    return new User(sentence, name.contains(UDEV) ? UDEV_NANOS : PASSING_NANOS);
                }
            }
        }
        return null;
    }

    private static boolean hasOpen(Path process, String path) {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path file : files) {
                if (leadsTo(file, path)) {
                    return true;
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // The process has just ended, or this user has no permission to see it.
        }
        return false;
    }

    private static boolean leadsTo(Path link, String path) {
        try {
            return Files.readSymbolicLink(link).toString().equals(path);
        } catch (IOException e) {
            return false; // just closed
        }
    }
}
