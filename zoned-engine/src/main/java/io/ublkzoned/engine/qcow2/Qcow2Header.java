package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The header cluster of an image (qcow2 specification, "Header"). It is only ever patched in place, so everything that
 * this program does not know stays as it is.
 */
final class Qcow2Header {

    static final int CLUSTER_BITS_MIN = 9;
    static final int CLUSTER_BITS_MAX = 21;

    static final int MAGIC = 'Q' << 24 | 'F' << 16 | 'I' << 8 | 0xfb;
    static final int VERSION = 3;
    /** The length of the shortest version 3 header. */
    static final int LENGTH_MIN = 104;
    /** The length with the compression type and its padding, as qemu-img writes it. */
    private static final int LENGTH_WRITTEN = 112;

    static final int BACKING_FILE_OFFSET = 8;
    static final int CLUSTER_BITS = 20;
    private static final int SIZE = 24;
    private static final int CRYPT_METHOD = 32;
    private static final int L1_SIZE = 36;
    private static final int L1_TABLE_OFFSET = 40;
    private static final int REFCOUNT_TABLE_OFFSET = 48;
    private static final int REFCOUNT_TABLE_CLUSTERS = 56;
    private static final int NB_SNAPSHOTS = 60;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final int AUTOCLEAR_FEATURES = 88;
    private static final int FEATURES_END = 96;
    static final int REFCOUNT_ORDER = 96;
    static final int HEADER_LENGTH = 100;

    /** The unit that a drive writes completely or not at all. */
    private static final int SECTOR = 512;

    private final MemorySegment cluster;
    private final List<HeaderExtension> extensions;
    private final long fileBytes;
    private final boolean closedHere;

    Qcow2Header(MemorySegment cluster, List<HeaderExtension> extensions, long fileBytes) {
        this.cluster = cluster;
        this.extensions = extensions;
        this.fileBytes = fileBytes;
        closedHere = !has(FeatureBits.DIRTY)
                && (cluster.get(BigEndian.LONG, AUTOCLEAR_FEATURES) & FeatureBits.FREE_CLUSTERS_ARE_HOLES) != 0;
    }

    /** Encodes the header cluster of a new image. */
    static MemorySegment create(HostLayout layout, ZonedExtension zoned) {
        MemorySegment cluster = MemorySegment.ofArray(new byte[layout.clusterBytes()]);
        cluster.set(BigEndian.INT, 0, MAGIC);
        cluster.set(BigEndian.INT, 4, VERSION);
        cluster.set(BigEndian.INT, CLUSTER_BITS, layout.clusterBits());
        cluster.set(BigEndian.LONG, SIZE, zoned.geometry().sizeBytes());
        cluster.set(BigEndian.INT, L1_SIZE, layout.l2Tables());
        cluster.set(BigEndian.LONG, L1_TABLE_OFFSET, layout.l1Offset());
        cluster.set(BigEndian.LONG, REFCOUNT_TABLE_OFFSET, layout.refcountTableOffset());
        cluster.set(BigEndian.INT, REFCOUNT_TABLE_CLUSTERS, layout.refcountTableClusters());
        cluster.set(BigEndian.LONG, INCOMPATIBLE_FEATURES, zoned.layout().hasFeatureBit() ? FeatureBits.ZONED : 0);
        cluster.set(BigEndian.LONG, AUTOCLEAR_FEATURES, FeatureBits.FREE_CLUSTERS_ARE_HOLES);
        cluster.set(BigEndian.INT, REFCOUNT_ORDER, layout.refcountOrder());
        cluster.set(BigEndian.INT, HEADER_LENGTH, LENGTH_WRITTEN);
        long next = FeatureBits.nameTable().writeTo(cluster, LENGTH_WRITTEN);
        next = zoned.encode().writeTo(cluster, next);
        AttachRecord.NONE.extension().writeTo(cluster, next);
        return cluster;
    }

    /** @throws ImageFormatException if the image uses a feature that this program does not know */
    void requireKnownFeatures() throws ImageFormatException {
        String unknown = FeatureBits.unknownFeatures(
                cluster.get(BigEndian.LONG, INCOMPATIBLE_FEATURES), extension(HeaderExtension.FEATURE_NAMES));
        if (unknown != null) {
            throw new ImageFormatException(
                    "the image needs features that this version does not have (%s): use a newer ublk-zoned"
                            .formatted(unknown));
        }
    }

    /** @throws ImageFormatException if the image does not claim to be a zoned one */
    void requireZoned() throws ImageFormatException {
        if (!has(FeatureBits.ZONED) && extension(HeaderExtension.ZONED) == null) {
            throw new ImageFormatException("this is a plain qcow2 image: create one with zones with ublk-zoned create");
        }
    }

    private @Nullable String unsupported() {
        if (has(FeatureBits.EXTERNAL_DATA)) {
            return unsupported("keeps its data in an external data file, which this version does not open");
        }
        if (has(FeatureBits.EXTENDED_L2)) {
            return unsupported("has extended L2 entries, which this version does not read");
        }
        if (cluster.get(BigEndian.INT, CRYPT_METHOD) != 0) {
            return unsupported("is encrypted, and this version has no keys");
        }
        if (cluster.get(BigEndian.INT, NB_SNAPSHOTS) != 0) {
            return unsupported("has snapshots, which share the clusters that the reset of a zone would free");
        }
        if (extension(HeaderExtension.BITMAPS) != null) {
            return unsupported("has persistent bitmaps, which a write would make stale");
        }
        return cluster.get(BigEndian.LONG, BACKING_FILE_OFFSET) == 0
                ? null
                : unsupported("has a backing file, whose data would appear in reset zones");
    }

    private static String unsupported(String what) {
        return "the image %s: copy its data to an image made with ublk-zoned create".formatted(what);
    }

    /** @throws ImageFormatException if the image uses a feature that hides or shares host clusters */
    void requireFollowable() throws ImageFormatException {
        String unsupported = unsupported();
        if (unsupported != null) {
            throw new ImageFormatException(unsupported);
        }
    }

    /** @throws ImageFormatException if the image must not be written to */
    void requireWritable() throws ImageFormatException {
        if (has(FeatureBits.CORRUPT)) {
            throw new ImageFormatException(
                    "the image is marked as corrupt and cannot be written to: run ublk-zoned check to see the damage");
        }
        requireFollowable();
    }

    /** Returns the offset at which the extensions begin. */
    int extensionsAt() {
        return cluster.get(BigEndian.INT, HEADER_LENGTH);
    }

    List<HeaderExtension> extensions() {
        return extensions;
    }

    /** Returns the end of the end mark behind the last extension. */
    long extensionsEnd() {
        long lastEnd =
                extensions.isEmpty() ? extensionsAt() : extensions.getLast().paddedEnd(cluster);
        return lastEnd + HeaderExtension.PREFIX_BYTES;
    }

    /**
     * Returns a copy of this header with other extensions, in memory only.
     *
     * @param bytes the extensions, with the end mark behind them
     * @param at the offset of the extensions, at the end of the header's fields or behind it
     * @param isZoned whether the feature bit of zones is set
     * @throws ImageFormatException if the cluster has no room for them
     */
    Qcow2Header withExtensions(MemorySegment bytes, int at, boolean isZoned) throws ImageFormatException {
        if (at + bytes.byteSize() > cluster.byteSize()) {
            throw new ImageFormatException(
                    "the header of the image has no room for a second copy of its extensions: copy its data to an image with larger clusters");
        }
        MemorySegment copy = MemorySegment.ofArray(cluster.toArray(ValueLayout.JAVA_BYTE));
        copy.asSlice(at).copyFrom(bytes);
        copy.set(BigEndian.INT, HEADER_LENGTH, at);
        long others = copy.get(BigEndian.LONG, INCOMPATIBLE_FEATURES) & ~FeatureBits.ZONED;
        copy.set(BigEndian.LONG, INCOMPATIBLE_FEATURES, isZoned ? others | FeatureBits.ZONED : others);
        return new Qcow2Header(copy, HeaderExtension.readAll(copy.asSlice(at), DamageHandler.REFUSE), fileBytes);
    }

    /** Returns whether a part of the header's cluster is the same in another header. */
    boolean hasSame(Qcow2Header other, long from, long end) {
        return MemorySegment.mismatch(cluster, from, end, other.cluster, from, end) == -1;
    }

    /** Writes the extensions. Durable after the next sync. */
    void writeExtensions(ImageFile file) throws IOException {
        file.write(cluster.asSlice(extensionsAt(), extensionsEnd() - extensionsAt()), extensionsAt());
    }

    /** Writes the offset of the extensions and the features in use, in one sector. Durable after the next sync. */
    void writeExtensionsAt(ImageFile file) throws IOException {
        file.write(cluster.asSlice(INCOMPATIBLE_FEATURES, LENGTH_MIN - INCOMPATIBLE_FEATURES), INCOMPATIBLE_FEATURES);
    }

    /** Fills the space behind the extensions with zeros. Durable after the next sync. */
    void clearBehindExtensions(ImageFile file) throws IOException {
        if (extensionsEnd() < cluster.byteSize()) {
            MemorySegment rest = cluster.asSlice(extensionsEnd()).fill((byte) 0);
            file.write(rest, extensionsEnd());
        }
    }

    /** Returns the extension of a type, or null if the image has none. */
    @Nullable
    HeaderExtension extension(int type) {
        for (HeaderExtension extension : extensions) {
            if (extension.type() == type) {
                return extension;
            }
        }
        return null;
    }

    /** Returns the length of the file when the header was read. */
    long fileBytes() {
        return fileBytes;
    }

    int clusterBits() {
        return cluster.get(BigEndian.INT, CLUSTER_BITS);
    }

    int clusterBytes() {
        return 1 << clusterBits();
    }

    /** Returns the size of the device. */
    long deviceSizeBytes() {
        return cluster.get(BigEndian.LONG, SIZE);
    }

    /** Returns the number of entries of the L1 table, unchecked, as stored in the file. */
    long l1Entries() {
        return Integer.toUnsignedLong(cluster.get(BigEndian.INT, L1_SIZE));
    }

    long l1Offset() {
        return cluster.get(BigEndian.LONG, L1_TABLE_OFFSET);
    }

    long refcountTableOffset() {
        return cluster.get(BigEndian.LONG, REFCOUNT_TABLE_OFFSET);
    }

    /** Returns the length of the refcount table, unchecked, as stored in the file. */
    long refcountTableBytes() {
        return Integer.toUnsignedLong(cluster.get(BigEndian.INT, REFCOUNT_TABLE_CLUSTERS)) << clusterBits();
    }

    int refcountOrder() {
        return cluster.get(BigEndian.INT, REFCOUNT_ORDER);
    }

    /** Returns whether an incompatible feature is in use. */
    boolean has(long incompatibleBit) {
        return (cluster.get(BigEndian.LONG, INCOMPATIBLE_FEATURES) & incompatibleBit) != 0;
    }

    /**
     * Returns whether, when the header was read, this program had closed the image and no one had written to it since.
     * Every other program clears an autoclear bit that it does not know. If true, all free clusters are holes.
     */
    boolean wasClosedHere() {
        return closedHere;
    }

    /**
     * Writes the dirty bit, in one sector. Setting it clears the autoclear bits, because the data that they vouch for
     * is no longer kept up to date. Clearing it sets the bit for free clusters that are holes. Durable after the next
     * sync.
     */
    void writeDirty(ImageFile file, boolean dirty) throws IOException {
        if (!dirty) {
            cluster.set(BigEndian.LONG, AUTOCLEAR_FEATURES, FeatureBits.FREE_CLUSTERS_ARE_HOLES);
        }
        writeIncompatible(file, FeatureBits.DIRTY, dirty);
    }

    /**
     * Writes the corrupt bit, which keeps everyone except a repair from writing to the image. Otherwise like
     * {@link #writeDirty}.
     */
    void writeCorrupt(ImageFile file, boolean corrupt) throws IOException {
        writeIncompatible(file, FeatureBits.CORRUPT, corrupt);
    }

    private void writeIncompatible(ImageFile file, long bit, boolean set) throws IOException {
        long features = cluster.get(BigEndian.LONG, INCOMPATIBLE_FEATURES);
        cluster.set(BigEndian.LONG, INCOMPATIBLE_FEATURES, set ? features | bit : features & ~bit);
        if (set) {
            cluster.set(BigEndian.LONG, AUTOCLEAR_FEATURES, 0);
        }
        file.write(cluster.asSlice(INCOMPATIBLE_FEATURES, FEATURES_END - INCOMPATIBLE_FEATURES), INCOMPATIBLE_FEATURES);
    }

    /**
     * Writes the record of failed zones. If no extension holds it, one is added behind the others. A power cut leaves
     * the old record or the new one; a missing record means no failed zones. Durable after the next sync.
     *
     * @throws ImageFormatException if the header's cluster has no room for it
     */
    void writeFailedZones(ImageFile file, MemorySegment record) throws IOException {
        HeaderExtension extension = extension(HeaderExtension.FAILED_ZONES);
        if (extension != null) {
            long at = extension.paddedEnd(cluster) - FailedZones.RECORD_BYTES;
            cluster.asSlice(at, FailedZones.RECORD_BYTES).copyFrom(record);
            file.write(record, at);
            return;
        }
        append(file, HeaderExtension.FAILED_ZONES, record, SECTOR, "read-only and offline zones");
    }

    /** Returns the record of the attach that last wrote to the image, if any. */
    Optional<AttachRecord> attachRecord() {
        return attachExtension().map(extension -> AttachRecord.decode(extension.data()));
    }

    private Optional<HeaderExtension> attachExtension() {
        return extensions.stream()
                .filter(each ->
                        each.type() == HeaderExtension.ATTACH && each.data().byteSize() >= AttachRecord.BYTES)
                .findFirst();
    }

    /**
     * Writes the record of an attach. If no extension holds it, one is added behind the others. Durable after the next
     * sync.
     *
     * @return the offset of the record in the file
     * @throws ImageFormatException if the header's cluster has no room for it
     */
    long writeAttachRecord(ImageFile file, AttachRecord record) throws IOException {
        HeaderExtension extension = attachExtension().orElse(null);
        if (extension == null) {
            MemorySegment data = MemorySegment.ofArray(new byte[AttachRecord.BYTES]);
            record.encode(data);
            return append(file, HeaderExtension.ATTACH, data, Long.BYTES, "the record of an attach");
        }
        record.encode(extension.data());
        long at = extension.data().address() - cluster.address();
        file.write(extension.data().asSlice(0, AttachRecord.BYTES), at);
        return at;
    }

    /** Fills the record of the last attach, if any, with zeros. Durable after the next sync. */
    void eraseAttachRecord(ImageFile file) throws IOException {
        if (attachExtension().isPresent()) {
            writeAttachRecord(file, AttachRecord.NONE);
        }
    }

    /**
     * Adds an extension behind the others.
     *
     * @param content the end of the extension's data, which begins on a multiple of {@code alignment} in the file
     * @param what a name of the content for the error message
     * @return the offset of the content in the file
     */
    private long append(ImageFile file, int type, MemorySegment content, int alignment, String what)
            throws IOException {
        long start = extensions.isEmpty()
                ? cluster.get(BigEndian.INT, HEADER_LENGTH)
                : extensions.getLast().paddedEnd(cluster);
        long data = start + HeaderExtension.PREFIX_BYTES;
        long contentAt = (data + alignment - 1) / alignment * alignment;
        long end = contentAt + content.byteSize();
        if (end + HeaderExtension.PREFIX_BYTES > cluster.byteSize()) {
            throw new ImageFormatException(
                    "the header of the image has no room for %s: copy its data to one with larger clusters"
                            .formatted(what));
        }
        MemorySegment written = cluster.asSlice(start, end + HeaderExtension.PREFIX_BYTES - start);
        written.fill((byte) 0);
        HeaderExtension extension = new HeaderExtension(type, cluster.asSlice(data, end - data));
        extension.writeTo(cluster, start);
        cluster.asSlice(contentAt, content.byteSize()).copyFrom(content);
        file.write(written, start);
        extensions.add(extension);
        return contentAt;
    }

    /** Writes the place of the refcount table, in one sector. Durable after the next sync. */
    void writeRefcountTable(ImageFile file, long offset, int clusters) throws IOException {
        cluster.set(BigEndian.LONG, REFCOUNT_TABLE_OFFSET, offset);
        cluster.set(BigEndian.INT, REFCOUNT_TABLE_CLUSTERS, clusters);
        file.write(cluster.asSlice(REFCOUNT_TABLE_OFFSET, NB_SNAPSHOTS - REFCOUNT_TABLE_OFFSET), REFCOUNT_TABLE_OFFSET);
    }
}
