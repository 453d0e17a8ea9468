package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;

/**
 * A conversion of an image to another layout of its zoned header extension, in place. It rewrites the extension and the
 * write pointer table; data and mappings stay in place.
 *
 * <p>A power cut or the death of the process leaves an unclosed image, in the old layout or the new one, with the same
 * zones. The image can be attached or converted again:
 *
 * <ol>
 *   <li>The dirty bit is set. From now on refcounts do not count.
 *   <li>The new table is written to free clusters.
 *   <li>The header switches to the new layout and table: {@link ExtensionSwitch}.
 *   <li>The image is recovered as after a crash, and closed. Recovery frees the old table, because nothing refers to
 *       it.
 * </ol>
 */
public final class LayoutConverter {

    private final ImageFile file;
    private final Qcow2Image image;
    private final ZonedLayout target;

    private LayoutConverter(ImageFile file, Qcow2Image image, ZonedLayout target) {
        this.file = file;
        this.image = image;
        this.target = target;
    }

    /**
     * Converts an image that no one else uses, and closes it if it was not closed. Blocks while all tables are read
     * several times.
     *
     * @return false if the image already is closed and in the layout, so nothing was written
     * @throws ImageFormatException if the image cannot be converted; the message says why
     * @throws GeometryException if the layout cannot hold the device
     */
    public static boolean convert(ImageFile file, ZonedLayout target, CheckProgress progress) throws IOException {
        Qcow2Image found = Qcow2Image.open(file, Access.READ_ONLY);
        boolean isConverted = isConverted(found, target);
        if (isConverted && !found.isDirty()) {
            return false;
        }
        target.requireFits(found.geometry());
        if (ImageChecker.check(file, progress).corruptions() > 0) {
            // Recovery could refuse such an image, and an interrupted conversion needs recovery.
            throw new ImageFormatException("the image is damaged, and stays in layout %s: run ublk-zoned check"
                    .formatted(found.layout().label()));
        }
        Qcow2Image image = Qcow2Image.open(file, Access.DETACHED);
        if (!isConverted) {
            new LayoutConverter(file, image, target).run();
            image = Qcow2Image.open(file, Access.DETACHED);
        }
        close(file, image);
        return true;
    }

    private static boolean isConverted(Qcow2Image image, ZonedLayout target) {
        HeaderExtension extension = image.header().extension(HeaderExtension.ZONED);
        return image.layout() == target
                && image.writePointers().isEncodedAsItsLayout()
                && extension != null
                && extension.data().byteSize() == target.lengthBytes()
                && !ExtensionSwitch.isCopyInUse(image.header());
    }

    private void run() throws IOException {
        Qcow2Header header = image.header();
        ZonedExtension zoned = new ZonedExtension(target, image.geometry(), allocateTable());
        ExtensionSwitch extensions = new ExtensionSwitch(
                header, zoned.encode(ZonedExtension.maxAppendBytes(header, image.layout())), target.hasFeatureBit());
        image.markInUse();
        writeTable(zoned);
        extensions.run(file);
    }

    /** Finds free clusters for the new table. */
    private long allocateTable() throws ImageFormatException {
        int clusters = tableClusters();
        ClusterAllocator allocator = image.allocator();
        if (!allocator.allocate(clusters) || allocator.runClusters() < clusters) {
            throw new ImageFormatException(
                    "the image has no run of %d free clusters for a second write pointer table: reset zones, or copy its data to an image with larger clusters"
                            .formatted(clusters));
        }
        return allocator.runStart() << image.clusterBits();
    }

    private int tableClusters() {
        return (int) HostLayout.ceilShift((long) image.geometry().zoneCount() * Long.BYTES, image.clusterBits());
    }

    /** Writes the new table and reads it back, to verify that no other byte order yields other valid write pointers. */
    private void writeTable(ZonedExtension zoned) throws IOException {
        file.punchHole(zoned.tableOffset(), (long) tableClusters() << image.clusterBits());
        WritePointerTable table = image.writePointers().converted(zoned);
        table.writeDirtyPages(file);
        WritePointerTable read = WritePointerTable.read(file, zoned, image.clusterSizeBytes());
        read.requireSound();
        if (!read.hasSamePointers(table)) {
            throw new IOException("the new write pointer table cannot be read back: the image stays in layout "
                    + image.layout().label());
        }
    }

    /** Closes a recovered image: makes holes of its free clusters. */
    private static void close(ImageFile file, Qcow2Image recovered) throws IOException {
        recovered.header().clearBehindExtensions(file);
        recovered.punchFree();
        recovered.markClosed();
    }
}
