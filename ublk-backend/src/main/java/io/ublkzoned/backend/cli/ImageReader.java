package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.ChannelImageFile;
import io.ublkzoned.backend.image.ImageLock;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.engine.ImageFormatException;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** Reads images, and names them in whatever goes wrong with it. */
final class ImageReader {

    /** Something that is found out from an open image. */
    @FunctionalInterface
    interface Question<T> {
        T ask(ChannelImageFile file) throws IOException;
    }

    private ImageReader() {}

    /** Opens an image, asks, and closes it. */
    static <T> T read(Path image, Question<T> question) throws IOException {
        try (ChannelImageFile file = ChannelImageFile.openReadOnly(image)) {
            return question.ask(file);
        } catch (ImageFormatException e) {
            throw new CommandFailure(image + ": " + e.getMessage(), e);
        }
    }

    /** Opens an image for reading by one who skips its holes, and so needs more than Java has. */
    static FileDescriptor descriptor(Path image) throws IOException {
        try {
            return FileDescriptor.open(image.toString(), FileFlags.O_RDONLY);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT -> new NoSuchFileException(image.toString());
                case Errno.EACCES, Errno.EPERM -> new AccessDeniedException(image.toString());
                default -> e;
            };
        }
    }

    static Qcow2Image open(ChannelImageFile file) throws IOException {
        return Qcow2Image.open(file, Access.READ_ONLY);
    }

    /** The zones of an image that is not attached: as they are after a power cycle. */
    static List<ReportedZone> zones(Qcow2Image image) {
        ZoneTable table = new ZoneTable(image.geometry(), image.writePointers()::get, image.failedZones()::condition);
        List<ReportedZone> zones = new ArrayList<>(table.size());
        for (int i = 0; i < table.size(); i++) {
            Zone zone = table.zone(i);
            zones.add(new ReportedZone(
                    i,
                    zone.startBytes(),
                    zone.endBytes() - zone.startBytes(),
                    zone.capacityBytes(),
                    zone.writePointerBytes(),
                    zone.condition()));
        }
        return zones;
    }

    /** Refuses an image that a server or QEMU has open. Whoever may not write to it cannot tell, and is let through. */
    static void requireUnused(Path image) throws IOException {
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            if (ImageLock.isLocked(channel)) {
                throw ImageLock.inUse(image);
            }
        } catch (AccessDeniedException e) {
            // Then the answer to the command itself says what may be done with it.
        }
    }
}
