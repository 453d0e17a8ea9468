package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.host.Mount;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A mount of a file system that uses a block device.
 *
 * @param point its path in the mount namespace of {@code process}
 * @param process the name of a folder in /proc; {@code self} if this process sees the mount too
 */
record DeviceMount(String point, String process) {

    private static final Path PROC = Path.of("/proc");
    private static final Path BTRFS = Path.of("/sys/fs/btrfs");

    /** Finds a mount in the namespace of any process. Returns null if none exists. */
    static @Nullable DeviceMount find(LiveDevice device) throws IOException {
        Set<String> sources = devicesOfSameBtrfs(device);
        sources.add(device.path());
        DeviceMount mount = find(sources, device.path(), "self");
        if (mount != null) {
            return mount;
        }
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                mount = find(sources, device.path(), process.getFileName().toString());
                if (mount != null) {
                    return mount;
                }
            }
        }
        return null;
    }

    private static @Nullable DeviceMount find(Set<String> sources, String device, String process) {
        try {
            for (Mount mount : Mount.read(PROC.resolve(process).resolve("mountinfo"))) {
                // XFS names its other devices among the options.
                if (sources.contains(mount.source()) || (mount.options() + ",").contains("=" + device + ",")) {
                    return new DeviceMount(mount.point(), process);
                }
            }
        } catch (IOException e) {
            // The process has just ended, or this user has no permission to see it.
        }
        return null;
    }

    /** Returns the devices of the same btrfs. The mount table names only one of them as the source. */
    private static Set<String> devicesOfSameBtrfs(LiveDevice device) throws IOException {
        Set<String> paths = new HashSet<>();
        String name = "ublkb" + device.id();
        try (DirectoryStream<Path> fileSystems = Files.newDirectoryStream(BTRFS)) {
            for (Path fileSystem : fileSystems) {
                Path devices = fileSystem.resolve("devices");
                if (Files.exists(devices.resolve(name))) {
                    try (DirectoryStream<Path> siblings = Files.newDirectoryStream(devices)) {
                        siblings.forEach(sibling -> paths.add("/dev/" + sibling.getFileName()));
                    }
                }
            }
        } catch (NoSuchFileException | DirectoryIteratorException e) {
            // No btrfs exists, or it has just been unmounted.
        }
        return paths;
    }

    /** Returns the path of the mount for this process, whichever namespace it is in. */
    String reachablePath() {
        return PROC.resolve(process) + "/root" + point;
    }

    /** Returns a text for messages: {@code /mnt}, {@code /mnt in the mount namespace of process 12}. */
    @Override
    public String toString() {
        return process.equals("self") ? point : point + " in the mount namespace of process " + process;
    }
}
