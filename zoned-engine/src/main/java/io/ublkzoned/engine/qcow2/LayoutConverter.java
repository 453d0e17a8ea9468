package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;

/**
 * Converts an image to another layout of its zoned header extension, in place: the extension and the write pointer table
 * are rewritten, data and mappings stay where they are.
 *
 * <p>A power cut or the death of the process leaves an unclosed image in the old layout or in the new one, with the same
 * zones. It can be attached or converted again:
 *
 * <ol>
 *   <li>The dirty bit is set. Refcounts do not count from now on.
 *   <li>The new table is written to free clusters.
 *   <li>The header switches to the new layout and table: {@link ExtensionSwitch}.
 *   <li>The image is recovered as after a crash. That frees the old table, since nothing refers to it, and it closes.
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
     * Converts an image that no one else uses, and closes one that was not closed. Blocks, for as long as it takes to read
     * all tables a few times.
     *
     * @return false if the image is in the layout and closed, and nothing was written
     * @throws ImageFormatException if the image cannot be converted, with a sentence that says why
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
            // A recovery could refuse such an image, and would have to if the conversion were cut short.
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
                    "the image has no %d free clusters in a row for a second write pointer table: reset zones, or copy its data to an image with larger clusters"
                            .formatted(clusters));
        }
        return allocator.runStart() << image.clusterBits();
    }

    private int tableClusters() {
        return (int) HostLayout.ceilShift((long) image.geometry().zoneCount() * Long.BYTES, image.clusterBits());
    }

    /** Writes the new table, and reads it back: no other byte order may make other write pointers of it. */
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

    /** Closes an image that was recovered: its free clusters become holes. */
    private static void close(ImageFile file, Qcow2Image recovered) throws IOException {
        recovered.header().clearBehindExtensions(file);
        recovered.punchFree();
        recovered.markClosed();
    }
}
