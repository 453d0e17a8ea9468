package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** As much of an image as can be read, for those who look at a damaged one. */
final class ReadableImage {

    /** In every layout of the extension, these follow its first byte. */
    private static final int RESERVED_BYTES = 3;

    private final Qcow2Header header;
    private final @Nullable ZonedExtension zoned;
    private final ImageTables tables;
    private final @Nullable WritePointerTable pointers;
    private final BitSet unsoundZones;
    private final BitSet unmarkedL2Tables;
    private final boolean complete;

    private ReadableImage(
            Qcow2Header header,
            @Nullable ZonedExtension zoned,
            ImageTables tables,
            @Nullable WritePointerTable pointers,
            BitSet unsoundZones,
            BitSet unmarkedL2Tables,
            boolean complete) {
        this.header = header;
        this.zoned = zoned;
        this.tables = tables;
        this.pointers = pointers;
        this.unsoundZones = unsoundZones;
        this.unmarkedL2Tables = unmarkedL2Tables;
        this.complete = complete;
    }

    /**
     * Reads everything but the contents of L2 tables and refcount blocks.
     *
     * @param findings gets what is wrong
     * @return null if not even the header can be read
     * @throws ImageFormatException if the file is not an image with zones, or has features that are not supported
     */
    static @Nullable ReadableImage read(ImageFile file, Findings findings) throws IOException {
        HeaderReader.requireQcow2(file);
        Qcow2Header header;
        try {
            header = HeaderReader.read(file, findings::corruption);
        } catch (ImageFormatException e) {
            findings.corruption(e);
            return null;
        }
        header.requireKnownFeatures();
        header.requireZoned();
        header.requireFollowable();
        boolean[] complete = {true};
        DamageSink incomplete = sentence -> {
            findings.corruption(sentence);
            complete[0] = false;
        };
        ZonedExtension zoned = readExtension(header, findings, incomplete);
        ImageTables tables = ImageTables.read(file, header, zoned, incomplete);
        BitSet unmarked = ClusterTable.L1.withoutFlags(file, header.l1Offset(), tables.l2Offsets());
        unmarked.stream()
                .forEach(index -> findings.corruption(
                        "L2 table %d is not marked as the only owner of its cluster".formatted(index)));
        WritePointerTable pointers = zoned == null ? null : readPointers(file, header, zoned, incomplete);
        if (zoned != null) {
            try {
                FailedZones.read(header, zoned.geometry());
            } catch (ImageFormatException e) {
                findings.corruption(e);
            }
        }
        BitSet unsound = new BitSet();
        if (zoned != null && pointers != null) {
            for (int zone = 0; zone < zoned.geometry().zoneCount(); zone++) {
                String problem = pointers.problem(zone);
                if (problem != null) {
                    findings.corruption(problem);
                    unsound.set(zone);
                }
            }
        }
        return new ReadableImage(header, zoned, tables, pointers, unsound, unmarked, complete[0]);
    }

    private static @Nullable ZonedExtension readExtension(Qcow2Header header, Findings findings, DamageSink sink)
            throws ImageFormatException {
        ZonedExtension zoned;
        try {
            zoned = ZonedExtension.read(header);
        } catch (ImageFormatException e) {
            sink.damage(String.valueOf(e.getMessage()));
            return null;
        }
        HeaderExtension extension = header.extension(HeaderExtension.ZONED);
        MemorySegment reserved = MemorySegment.ofArray(new byte[RESERVED_BYTES]);
        if (extension != null && extension.data().asSlice(1, RESERVED_BYTES).mismatch(reserved) != -1) {
            findings.corruption("the reserved bytes of the zoned header extension are %#x, not zero"
                    .formatted(extension.data().get(BigEndian.INT, 0) & 0xff_ffff));
        }
        return zoned;
    }

    private static @Nullable WritePointerTable readPointers(
            ImageFile file, Qcow2Header header, ZonedExtension zoned, DamageSink sink) throws IOException {
        try {
            return WritePointerTable.read(file, zoned, header.clusterBytes());
        } catch (ImageFormatException e) {
            sink.damage(String.valueOf(e.getMessage()));
            return null;
        }
    }

    Qcow2Header header() {
        return header;
    }

    /** Null if it cannot be read. */
    @Nullable
    ZonedExtension zoned() {
        return zoned;
    }

    ImageTables tables() {
        return tables;
    }

    /** Null if they cannot be read. */
    @Nullable
    WritePointerTable pointers() {
        return pointers;
    }

    /** The zones whose write pointer cannot be right. */
    BitSet unsoundZones() {
        return unsoundZones;
    }

    /** The L2 tables whose L1 entry lacks the owner flag. */
    BitSet unmarkedL2Tables() {
        return unmarkedL2Tables;
    }

    /** Whether everything that can refer to a host cluster could be read, as far as the L2 tables. */
    boolean isComplete() {
        return complete;
    }

    boolean isDirty() {
        return header.has(FeatureBits.DIRTY);
    }

    /** Whether its geometry can be read and is one that ublk serves. */
    boolean isAttachable() {
        return zoned != null && zoned.geometry().isAttachable(header.clusterBytes());
    }

    int tableEntries() {
        return header.clusterBytes() / Long.BYTES;
    }

    /** Whether a guest cluster can hold no data, because it is past a write pointer that can be right. */
    boolean isPastData(long guestCluster) {
        long offset = guestCluster << header.clusterBits();
        return zoned != null
                && pointers != null
                && pointers.isPastData(offset)
                && !unsoundZones.get(zoned.geometry().zoneIndex(offset));
    }
}
