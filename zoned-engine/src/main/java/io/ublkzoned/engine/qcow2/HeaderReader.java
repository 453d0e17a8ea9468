package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A reader of the header cluster of an image. It accepts no field that is out of bounds. */
final class HeaderReader {

    private HeaderReader() {}

    /**
     * Checks that the file is a qcow2 image of version 3.
     *
     * @throws ImageFormatException if it is not qcow2, or has another version
     */
    static void requireQcow2(ImageFile file) throws IOException {
        MemorySegment start = MemorySegment.ofArray(new byte[8]);
        if (file.sizeBytes() >= start.byteSize()) {
            file.read(start, 0);
        }
        if (start.get(BigEndian.INT, 0) != Qcow2Header.MAGIC) {
            throw new ImageFormatException("this is not a qcow2 image: create one with ublk-zoned create");
        }
        int version = start.get(BigEndian.INT, 4);
        if (version != Qcow2Header.VERSION) {
            throw new ImageFormatException(
                    "this is a qcow2 image of version %s, and only version 3 can hold zones: create one with ublk-zoned create"
                            .formatted(Integer.toUnsignedString(version)));
        }
    }

    /**
     * Reads the header cluster.
     *
     * @throws ImageFormatException if it is damaged or the file ends too early
     */
    static Qcow2Header read(ImageFile file) throws IOException {
        return read(file, sentence -> {
            throw new ImageFormatException(sentence + ": the header is damaged, restore the image from a copy");
        });
    }

    /**
     * Reads the header cluster, with as many of its extensions as can be read.
     *
     * @param onExtensionDamage called with damage to the extensions
     * @throws ImageFormatException if a field is out of bounds or the file ends too early
     */
    static Qcow2Header read(ImageFile file, DamageHandler onExtensionDamage) throws IOException {
        MemorySegment fixed = MemorySegment.ofArray(new byte[Qcow2Header.LENGTH_MIN]);
        requireInFile(file, fixed.byteSize());
        file.read(fixed, 0);
        int clusterBits = fixed.get(BigEndian.INT, Qcow2Header.CLUSTER_BITS);
        requireRange("cluster bits", clusterBits, Qcow2Header.CLUSTER_BITS_MIN, Qcow2Header.CLUSTER_BITS_MAX);
        requireRange(
                "refcount order", fixed.get(BigEndian.INT, Qcow2Header.REFCOUNT_ORDER), 0, RefcountTable.ORDER_MAX);
        int length = fixed.get(BigEndian.INT, Qcow2Header.HEADER_LENGTH);
        requireRange("header length", length, Qcow2Header.LENGTH_MIN, 1 << clusterBits);
        if (length % 8 != 0) {
            throw damaged("header length", length, "a multiple of 8");
        }
        MemorySegment cluster = MemorySegment.ofArray(new byte[1 << clusterBits]);
        requireInFile(file, cluster.byteSize());
        file.read(cluster, 0);
        long extensionsEnd = cluster.byteSize();
        long backingName = cluster.get(BigEndian.LONG, Qcow2Header.BACKING_FILE_OFFSET);
        if (backingName >= length && backingName < extensionsEnd) {
            extensionsEnd = backingName;
        }
        MemorySegment area = cluster.asSlice(length, extensionsEnd - length);
        return new Qcow2Header(cluster, HeaderExtension.readAll(area, onExtensionDamage), file.sizeBytes());
    }

    private static void requireInFile(ImageFile file, long bytes) throws IOException {
        if (file.sizeBytes() < bytes) {
            throw new ImageFormatException("the file ends within its header: it is truncated, restore it from a copy");
        }
    }

    private static void requireRange(String name, int value, int min, int max) throws ImageFormatException {
        if (value < min || value > max) {
            throw damaged(name, value, "in %d to %d".formatted(min, max));
        }
    }

    private static ImageFormatException damaged(String name, int value, String rule) {
        return new ImageFormatException("the header is damaged: %s is %s, not %s; restore the image from a copy"
                .formatted(name, Integer.toUnsignedString(value), rule));
    }
}
