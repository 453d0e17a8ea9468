package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.FileKind;
import io.ublkzoned.bindings.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The opener of image files, which says in one sentence why one cannot be opened. */
public final class ImageOpener {

    private ImageOpener() {}

    /**
     * Opens an image for reading. Neither its file system nor the file itself needs to be writable.
     *
     * @throws IOException with a sentence for the user
     */
    public static FileDescriptor forReading(Path image) throws IOException {
        try {
            return open(image, FileFlags.O_RDONLY | FileFlags.O_NONBLOCK);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT -> missing(image, "no such file", e);
                case Errno.EACCES, Errno.EPERM -> new IOException(image + ": no permission to read it", e);
                default -> failure(image, e.errno(), e);
            };
        }
    }

    /**
     * Opens an image for reading and writing.
     *
     * @param flags in addition to O_RDWR
     * @throws IOException with a sentence for the user
     */
    static FileDescriptor forWriting(Path image, int flags) throws IOException {
        try {
            return open(image, FileFlags.O_RDWR | flags);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT ->
                    missing(image, "no such image; make one with 'ublk-zoned create " + image + " --size 4G'", e);
                case Errno.EACCES -> new IOException(image + ": no permission to write to it", e);
                case Errno.EPERM ->
                    new IOException(
                            image + ": it is immutable or append-only; 'chattr -i -a " + image
                                    + "' lets it be written to",
                            e);
                case Errno.EINVAL ->
                    new IOException(image + ": its file system has no direct I/O; add it with --cache writeback", e);
                default -> failure(image, e.errno(), e);
            };
        }
    }

    /**
     * Opens a regular file. Checks the kind of file before opening it, because opening a device can have side effects,
     * and again afterwards, because the path may lead to another file by then.
     */
    private static FileDescriptor open(Path image, int flags) throws IOException {
        requireRegularFile(image);
        FileDescriptor file = FileDescriptor.open(image.toString(), flags);
        try {
            requireRegularFile(image, Path.of("/proc/self/fd/" + file.value()));
            return file;
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    /** Refuses a path that leads to anything but a regular file. Accepts a path that leads to nothing. */
    static void requireRegularFile(Path image) throws IOException {
        requireRegularFile(image, image);
    }

    private static void requireRegularFile(Path image, Path seen) throws IOException {
        if (!Files.isRegularFile(seen)) {
            String what = kind(seen);
            if (!what.isEmpty()) {
                throw new IOException(image + " is " + what);
            }
        }
    }

    /**
     * Returns the kind of a file that is not regular, as part of a sentence. Returns an empty string if the path leads
     * to nothing: opening it then fails with an errno.
     */
    private static String kind(Path seen) {
        FileKind kind;
        try {
            kind = FileKind.of((int) Files.getAttribute(seen, "unix:mode"));
        } catch (IOException e) {
            return "";
        }
        return switch (kind) {
            case REGULAR_FILE -> "";
            case DIRECTORY -> "a directory, and an image is a regular file: name a file in it";
            case BLOCK_DEVICE ->
                "a block device, and an image is a regular file: make a file system on the device, and the image in that";
            case CHARACTER_DEVICE -> "a character device, and an image is a regular file";
            case FIFO -> "a FIFO, and an image is a regular file: copy the data to one";
            case SOCKET -> "a socket, and an image is a regular file";
            case OTHER -> "not a regular file";
        };
    }

    /** Returns the failure for a path that leads to nothing. */
    static IOException missing(Path image, String sentence, Exception cause) throws IOException {
        return Files.isSymbolicLink(image)
                ? new IOException(
                        "%s is a symbolic link to %s, which does not exist"
                                .formatted(image, Files.readSymbolicLink(image)),
                        cause)
                : new IOException(image + ": " + sentence, cause);
    }

    /**
     * Returns the failure for an errno whose cause does not depend on the operation.
     *
     * @param other returned for any other errno
     */
    public static IOException failure(Path image, int errno, IOException other) {
        String reason = switch (errno) {
            case Errno.ENOTDIR -> "a part of its path is not a directory";
            case Errno.ELOOP -> "its path has a loop of symbolic links, or too many of them";
            case Errno.ENAMETOOLONG -> "its name or path is too long";
            case Errno.EROFS -> "its file system is mounted read-only";
            case Errno.ENOSPC -> "its file system is full";
            case Errno.EDQUOT -> "its owner's disk quota is used up";
            case Errno.EFBIG -> "its file system has no files of that size, or 'ulimit -f' forbids them";
            default -> "";
        };
        return reason.isEmpty() ? other : new IOException(image + ": " + reason, other);
    }
}
