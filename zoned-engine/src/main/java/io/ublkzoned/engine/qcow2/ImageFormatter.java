package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A writer of new images. It places all tables at once, so the structure does not change while the device is attached.
 * The zeros in the tables stay holes, so even the largest image is created quickly.
 */
public final class ImageFormatter {

    private static final int WRITE_BYTES = 1 << 20;

    private ImageFormatter() {}

    /**
     * Formats the file as an image of an empty device and discards its contents. The header is written last, so that an
     * unfinished file is not an image. Blocks; the image is durable when this returns.
     */
    public static void format(ImageFile file, FormatOptions options) throws IOException {
        format(file, options.geometry(), options.clusterSizeBytes(), options.layout());
    }

    /** Like {@link #format(ImageFile, FormatOptions)}, for any device that the format allows. */
    static void format(ImageFile file, DeviceGeometry geometry, int clusterSizeBytes, ZonedLayout zonedLayout)
            throws IOException {
        int clusterBits = Integer.numberOfTrailingZeros(clusterSizeBytes);
        HostLayout layout = HostLayout.plan(geometry, clusterBits, HostLayout.REFCOUNT_ORDER);
        ZonedExtension zoned = new ZonedExtension(zonedLayout, geometry, layout.pointersOffset());
        file.setSize(0);
        file.setSize(layout.metadataBytes());
        ClusterTable.REFCOUNT.write(
                file,
                layout.refcountTableOffset(),
                contiguous(layout.refcountBlocksOffset(), layout.refcountBlocks(), layout));
        ClusterTable.L1.write(file, layout.l1Offset(), contiguous(layout.l2Offset(), layout.l2Tables(), layout));
        WritePointerTable.create(zoned).writeDirtyPages(file);
        writeRefcounts(file, layout);
        file.sync(Barrier.IMAGE_BEFORE_HEADER);
        file.write(Qcow2Header.create(layout, zoned), 0);
        file.sync(Barrier.HEADER_BEFORE_CREATED);
    }

    private static long[] contiguous(long offset, int tables, HostLayout layout) {
        long[] offsets = new long[tables];
        Arrays.setAll(offsets, i -> offset + ((long) i << layout.clusterBits()));
        return offsets;
    }

    /** Gives each cluster of the metadata a refcount of 1. All blocks together form one contiguous array. */
    private static void writeRefcounts(ImageFile file, HostLayout layout) throws IOException {
        long clusters = layout.metadataBytes() >>> layout.clusterBits();
        int perWrite = (int) Math.min(clusters, WRITE_BYTES / Short.BYTES);
        MemorySegment ones = MemorySegment.ofArray(new byte[perWrite * Short.BYTES]);
        for (int i = 0; i < perWrite; i++) {
            RefcountTable.encode(ones, layout.refcountOrder(), i, 1);
        }
        for (long first = 0; first < clusters; first += perWrite) {
            long bytes = Math.min(perWrite, clusters - first) * Short.BYTES;
            file.write(ones.asSlice(0, bytes), layout.refcountBlocksOffset() + first * Short.BYTES);
        }
    }
}
