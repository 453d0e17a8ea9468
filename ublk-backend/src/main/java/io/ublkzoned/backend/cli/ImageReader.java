package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageLock;
import io.ublkzoned.backend.image.ImageOpener;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The reader of images for commands. It names the image in every failure. */
final class ImageReader {

    /** A function that reads something from an open image. */
    @FunctionalInterface
    interface Question<T> {
        T ask(ImageFile file) throws IOException;
    }

    private ImageReader() {}

    /** Opens an image, applies {@code question}, and closes the image. */
    static <T> T read(Path image, Question<T> question) throws IOException {
        try (FileDescriptor file = ImageOpener.forReading(image)) {
            return question.ask(new FdImageFile(file));
        } catch (ImageFormatException e) {
            throw new CommandFailure(image + ": " + e.getMessage(), e);
        }
    }

    static Qcow2Image open(ImageFile file) throws IOException {
        return Qcow2Image.open(file, Access.READ_ONLY);
    }

    /** Returns the zones of an image that is not attached, as they are after a power cycle. */
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

    /** Refuses an image that a server or QEMU has open. */
    static void requireUnused(Path image) throws IOException {
        openUnused(image).close();
    }

    /**
     * Opens an image for reading that neither a server nor QEMU has open. The image is not locked, so one may open it
     * at any time.
     */
    static FileDescriptor openUnused(Path image) throws IOException {
        FileDescriptor file = ImageOpener.forReading(image);
        try {
            ImageLock.requireUnused(file, image.toString());
            return file;
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }
}
