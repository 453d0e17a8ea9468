package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** The readable part of an image that may be damaged, for a check or a repair. */
final class PartialImage {

    /** In every layout of the extension, these bytes follow its first byte. */
    private static final int RESERVED_BYTES = 3;

    private final Qcow2Header header;
    private final @Nullable ZonedExtension zoned;
    private final ImageTables tables;
    private final @Nullable WritePointerTable pointers;
    private final BitSet unsoundZones;
    private final BitSet unmarkedL2Tables;
    private final boolean complete;

    private PartialImage(
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

    /** Reports damage that keeps a part of the image from being read, and remembers that there was some. */
    private static final class Gaps implements DamageHandler {
        private final Findings findings;
        private boolean found;

        Gaps(Findings findings) {
            this.findings = findings;
        }

        @Override
        public void handle(String problem) {
            findings.corruption(problem);
            found = true;
        }
    }

    /**
     * Reads everything except the contents of L2 tables and refcount blocks.
     *
     * @param findings receives the damage
     * @return null if not even the header can be read
     * @throws ImageFormatException if the file is not an image with zones, or uses unsupported features
     */
    static @Nullable PartialImage read(ImageFile file, Findings findings) throws IOException {
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
        Gaps incomplete = new Gaps(findings);
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
        return new PartialImage(header, zoned, tables, pointers, unsound, unmarked, !incomplete.found);
    }

    private static @Nullable ZonedExtension readExtension(Qcow2Header header, Findings findings, DamageHandler onDamage)
            throws ImageFormatException {
        ZonedExtension zoned;
        try {
            zoned = ZonedExtension.read(header);
        } catch (ImageFormatException e) {
            onDamage.handle(String.valueOf(e.getMessage()));
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
            ImageFile file, Qcow2Header header, ZonedExtension zoned, DamageHandler onDamage) throws IOException {
        try {
            return WritePointerTable.read(file, zoned, header.clusterBytes());
        } catch (ImageFormatException e) {
            onDamage.handle(String.valueOf(e.getMessage()));
            return null;
        }
    }

    Qcow2Header header() {
        return header;
    }

    /** Returns the zoned extension, or null if it cannot be read. */
    @Nullable
    ZonedExtension zoned() {
        return zoned;
    }

    ImageTables tables() {
        return tables;
    }

    /** Returns the write pointers, or null if they cannot be read. */
    @Nullable
    WritePointerTable pointers() {
        return pointers;
    }

    /** Returns the zones whose write pointer is invalid. */
    BitSet unsoundZones() {
        return unsoundZones;
    }

    /** Returns the L2 tables whose L1 entry lacks the owner flag. */
    BitSet unmarkedL2Tables() {
        return unmarkedL2Tables;
    }

    /**
     * Returns whether everything that refers to host clusters could be read, up to and including the L1 table. The
     * contents of L2 tables are not included.
     */
    boolean isComplete() {
        return complete;
    }

    boolean isDirty() {
        return header.has(FeatureBits.DIRTY);
    }

    /** Returns whether the geometry can be read and ublk can serve it. */
    boolean isAttachable() {
        return zoned != null && zoned.geometry().isAttachable(header.clusterBytes());
    }

    int tableEntries() {
        return header.clusterBytes() / Long.BYTES;
    }

    /** Returns whether a guest cluster cannot hold data, because it is past a valid write pointer. */
    boolean isPastData(long guestCluster) {
        long offset = guestCluster << header.clusterBits();
        return zoned != null
                && pointers != null
                && pointers.isPastData(offset)
                && !unsoundZones.get(zoned.geometry().zoneIndex(offset));
    }
}
