package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.host.Mount;
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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Finds who uses a block device: a mounted file system, a device on top of it, or a process that has it open. */
final class DeviceUsers {

    /** A mount stays; others who have a new device open may be udev, which only takes a glance at it. */
    private static final String MOUNTED = "is mounted: umount ";

    private static final long GLANCE_NANOS = TimeUnit.SECONDS.toNanos(2);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final Path PROC = Path.of("/proc");

    private DeviceUsers() {}

    /** Refuses, with a sentence that says by whom, if the device is in use. */
    static void requireNone(LiveDevice device) throws IOException {
        long deadline = System.nanoTime() + GLANCE_NANOS;
        while (true) {
            String user = isClaimed(device) ? claimant(device) : opener(device.path());
            if (user == null) {
                return;
            }
            if (user.startsWith(MOUNTED) || System.nanoTime() > deadline) {
                throw new CommandFailure(device.path() + " " + user);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /**
     * Refuses if a file system or another device uses a device whose server is dead. A process that only has it open, as
     * udev may, waits for an answer and gets it when the device goes.
     */
    static void requireNoneOfDead(LiveDevice device) throws IOException {
        if (isClaimed(device)) {
            throw new CommandFailure(device.path() + " " + claimant(device));
        }
    }

    /** Whether the kernel has given the device to a file system or another device. */
    private static boolean isClaimed(LiveDevice device) {
        try {
            FileDescriptor.open(device.path(), FileFlags.O_RDONLY | FileFlags.O_EXCL)
                    .close();
            return false;
        } catch (LinuxException e) {
            // What cannot be opened for another reason is no longer used, or the next step says why.
            return e.errno() == Errno.EBUSY;
        }
    }

    private static String claimant(LiveDevice device) throws IOException {
        String mountPoint = mountPoint(device.path());
        if (mountPoint != null) {
            return MOUNTED + mountPoint;
        }
        Path holders = Path.of("/sys/class/block", "ublkb" + device.id(), "holders");
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(holders)) {
            for (Path entry : entries) {
                return "is in use by /dev/" + entry.getFileName();
            }
        } catch (NoSuchFileException e) {
            // Gone in this moment, and so is its user.
        }
        return "is in use by another program";
    }

    /** Who has the device open; null if nobody has, as far as we may see. */
    private static @Nullable String opener(String devicePath) throws IOException {
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                if (hasOpen(process, devicePath)) {
                    String name = Files.readString(process.resolve("comm")).strip();
                    return "is open in process " + process.getFileName() + " (" + name + "): end that first";
                }
            }
        } catch (NoSuchFileException e) {
            // It has just ended.
            return opener(devicePath);
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
            // A process that has just ended, or one that we may not look at.
        }
        return false;
    }

    private static boolean leadsTo(Path link, String path) {
        try {
            return Files.readSymbolicLink(link).toString().equals(path);
        } catch (IOException e) {
            return false; // closed in this moment
        }
    }

    /** Where a device is mounted, in the mount namespace of whatever process has it; null if it is nowhere. */
    private static @Nullable String mountPoint(String devicePath) throws IOException {
        String mountPoint = mountPoint(devicePath, PROC.resolve("self"));
        if (mountPoint != null) {
            return mountPoint;
        }
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                mountPoint = mountPoint(devicePath, process);
                if (mountPoint != null) {
                    return mountPoint + " in the mount namespace of process " + process.getFileName();
                }
            }
        }
        return null;
    }

    private static @Nullable String mountPoint(String devicePath, Path process) {
        try {
            for (Mount mount : Mount.read(process.resolve("mountinfo"))) {
                if (mount.source().equals(devicePath)) {
                    return mount.point();
                }
            }
        } catch (IOException e) {
            // A process that has just ended, or one that we may not look at.
        }
        return null;
    }
}
