package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * An open image: what its header and tables say, and the primitives that change them.
 *
 * <p>It orders no writes and has no lock: the engine's metadata writer does the one, the device's lock guards {@link
 * #allocator}. All calls that take or give I/O block, and belong on the thread that opens an image or writes metadata.
 * The file stays its caller's, who closes it.
 */
public final class Qcow2Image {

    private final ImageFile file;
    private final Qcow2Header header;
    private final ZonedExtension zoned;
    private final WritePointerTable pointers;
    private final ClusterMapping mapping;
    private final @Nullable ClusterAllocator allocator;
    private final MemorySegment generation = Arena.ofAuto().allocate(BigEndian.LONG);
    private FailedZones failedZones;
    private boolean failedZonesAreWritten = true;
    private long attachRecordAt;

    private Qcow2Image(
            ImageFile file,
            Qcow2Header header,
            ZonedExtension zoned,
            WritePointerTable pointers,
            FailedZones failedZones,
            ClusterMapping mapping,
            @Nullable ClusterAllocator allocator) {
        this.file = file;
        this.header = header;
        this.zoned = zoned;
        this.pointers = pointers;
        this.failedZones = failedZones;
        this.mapping = mapping;
        this.allocator = allocator;
    }

    /**
     * Opens an image and checks what its tables say: nothing is believed that does not fit the file.
     *
     * <p>For {@link Access#READ_WRITE} and {@link Access#DETACHED} an image that was not closed is recovered from what is on
     * stable storage, and one of another program is given the tables that it lacks; both leave the dirty bit set. What was in
     * the free clusters is still in them: {@link #punchFree} makes holes of them before any is allocated. An image that is
     * refused is not written to. For {@link Access#READ_ONLY} nothing is written in any case.
     *
     * @throws ImageFormatException if the file cannot be used so, with one sentence for the user
     */
    public static Qcow2Image open(ImageFile file, Access access) throws IOException {
        return open(file, access, null);
    }

    /**
     * Opens an image for writing that was not closed because its server died: its write pointers are those that were
     * acknowledged. They are still to be written.
     *
     * @param acknowledged the write pointer of each zone, as a device address in bytes
     */
    public static Qcow2Image recover(ImageFile file, IntToLongFunction acknowledged) throws IOException {
        return open(file, Access.READ_WRITE, acknowledged);
    }

    private static Qcow2Image open(ImageFile file, Access access, @Nullable IntToLongFunction acknowledged)
            throws IOException {
        HeaderReader.requireQcow2(file);
        Qcow2Header header = HeaderReader.read(file);
        if (access != Access.READ_ONLY && acknowledged == null && header.has(FeatureBits.DIRTY)) {
            // A sync may have failed before. What is only cached may be gone by the next read, so the recovery must not
            // act on it.
            file.discardCache();
            header = HeaderReader.read(file);
        }
        header.requireKnownFeatures();
        header.requireZoned();
        ZonedExtension zoned = ZonedExtension.read(header);
        if (access != Access.READ_ONLY) {
            header.requireWritable();
        }
        if (access == Access.READ_WRITE) {
            zoned.requireAttachable(header.clusterBytes());
        }
        ImageTables tables = ImageTables.read(file, header, zoned, DamageSink.REFUSE);
        WritePointerTable pointers = WritePointerTable.read(file, zoned, header.clusterBytes());
        pointers.requireSound();
        FailedZones failed = FailedZones.read(header, zoned.geometry());
        if (acknowledged != null) {
            pointers.replace(acknowledged);
        }
        return switch (access) {
            case READ_ONLY ->
                new Qcow2Image(
                        file,
                        header,
                        zoned,
                        pointers,
                        failed,
                        new ClusterMapping(file, header.clusterBits(), tables, false),
                        null);
            case READ_WRITE, DETACHED -> openForWriting(file, header, zoned, tables, pointers, failed);
        };
    }

    private static Qcow2Image openForWriting(
            ImageFile file,
            Qcow2Header header,
            ZonedExtension zoned,
            ImageTables opened,
            WritePointerTable pointers,
            FailedZones failed)
            throws IOException {
        ImageTables tables = opened;
        ClusterAllocator allocator;
        try {
            HostLayout plan = HostLayout.plan(zoned.geometry(), header.clusterBits(), header.refcountOrder());
            if (header.has(FeatureBits.DIRTY) || !LayoutCompleter.isComplete(tables, plan)) {
                ImageRecovery.Recovered recovered = new ImageRecovery(file, header, zoned, pointers).run(tables, plan);
                tables = recovered.tables();
                allocator = recovered.allocator();
            } else {
                allocator = new ClusterAllocator(tables.refcounts(), readUsed(file, tables), tables.limitCluster());
                keepMapped(file, header.clusterBits(), tables, allocator);
            }
        } catch (GeometryException e) {
            throw new ImageFormatException(e.getMessage());
        }
        ClusterMapping mapping = new ClusterMapping(file, header.clusterBits(), tables, true);
        return new Qcow2Image(file, header, zoned, pointers, failed, mapping, allocator);
    }

    /** Reads the refcounts of an image that was closed; at the least its own tables must have them. */
    private static ClusterBitmap readUsed(ImageFile file, ImageTables tables) throws IOException {
        ClusterBitmap used = tables.refcounts().readUsed(file, tables.limitCluster());
        ClusterBitmap metadata = tables.metadata();
        long end = metadata.end();
        for (long cluster = metadata.nextPresent(0, end);
                cluster < end;
                cluster = metadata.nextPresent(cluster + 1, end)) {
            if (!used.contains(cluster)) {
                DamageSink.REFUSE.damage("host cluster %d holds metadata and is marked as free".formatted(cluster));
            }
        }
        return used;
    }

    /**
     * Keeps the clusters that mappings name: none of them is free because of its refcount alone, or a wrong one would cost the
     * data. Damage is passed over here; the zone that has it fails when it is used.
     */
    private static void keepMapped(ImageFile file, int clusterBits, ImageTables tables, ClusterAllocator allocator)
            throws IOException {
        long[] offsets = tables.l2Offsets();
        int entries = 1 << (clusterBits - 3);
        TableScanner.scan(file, offsets, offsets.length, 1 << clusterBits, (index, table, allZero) -> {
            for (int i = 0; !allZero && i < entries; i++) {
                L2Entry.keepHostClusters(table.getAtIndex(BigEndian.LONG, i), clusterBits, allocator);
            }
        });
    }

    public DeviceGeometry geometry() {
        return zoned.geometry();
    }

    Qcow2Header header() {
        return header;
    }

    /** The layout of the image's zoned header extension. */
    public ZonedLayout layout() {
        return zoned.layout();
    }

    public int clusterBits() {
        return header.clusterBits();
    }

    public int clusterSizeBytes() {
        return header.clusterBytes();
    }

    /** Whether the image was not closed by the last one who wrote to it, who may be this one. */
    public boolean isDirty() {
        return header.has(FeatureBits.DIRTY);
    }

    /**
     * The host clusters; guarded by the device's lock.
     *
     * @throws IllegalStateException if the image was opened for reading only
     */
    public ClusterAllocator allocator() {
        if (allocator == null) {
            throw new IllegalStateException("the image is open for reading only");
        }
        return allocator;
    }

    /** The write pointers as they are on disk, and those still to be written; for the thread that writes metadata. */
    public WritePointerTable writePointers() {
        return pointers;
    }

    /** The zones that are read-only or offline; for the thread that writes metadata. */
    public FailedZones failedZones() {
        return failedZones;
    }

    /** Replaces them, in the file too. Blocks; durable after the next sync. If this throws, the file may have either. */
    public void writeFailedZones(FailedZones zones) throws IOException {
        MemorySegment record = zones.encode();
        failedZones = zones;
        failedZonesAreWritten = false;
        header.writeFailedZones(file, record);
        failedZonesAreWritten = true;
    }

    /**
     * Looks up where guest clusters are. A cluster that has space but is marked as zeros is made an ordinary one, with
     * its space a hole, if the image is open for writing. Blocks.
     *
     * @param hostClusters receives {@code count} host clusters, -1 where there is none and zeros are to be read
     * @throws ImageFormatException if an entry cannot be right, or is of a kind that is not supported
     */
    public void readMapping(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        header.requireFollowable();
        mapping.read(firstGuestCluster, count, hostClusters);
    }

    /**
     * Writes where guest clusters are; the range may lie in several L2 tables. Blocks; durable after the next sync.
     *
     * @param hostClusters {@code count} host clusters, -1 for none
     */
    public void writeMapping(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        mapping.write(firstGuestCluster, count, hostClusters);
    }

    /** The record of the attach that last wrote to the image, if one ever did. */
    public Optional<AttachRecord> attachRecord() {
        return header.attachRecord();
    }

    /**
     * Whether this program closed the image, and nobody has written to it since: then all free clusters are holes. False once
     * the image is marked as in use.
     */
    public boolean isClosedHere() {
        return header.wasClosedHere() && !isDirty();
    }

    /**
     * Marks the image as in use by an attach. Blocks; durable when this returns.
     *
     * <p>Also clears the autoclear bits. An image that was recovered is marked already, and gets the record only.
     */
    public void markInUse(AttachRecord record) throws IOException {
        attachRecordAt = header.writeAttachRecord(file, record);
        markDirty();
    }

    /** Marks the image as in use by no attach: no state that an earlier one saved is that of the image any more. Else the same. */
    public void markInUse() throws IOException {
        header.eraseAttachRecord(file);
        markDirty();
    }

    private void markDirty() throws IOException {
        if (!isDirty()) {
            header.writeDirty(file, true);
            file.sync(Barrier.DIRTY_BEFORE_CHANGES);
        }
    }

    /**
     * Makes holes of all free clusters, in which a recovery or another program may have left old data. Blocks; durable after the
     * next sync.
     */
    public void punchFree() throws IOException {
        long end = allocator().hostClusters();
        long free = allocator().nextFree(0);
        while (free < end) {
            long used = allocator().nextUsed(free);
            file.punchHole(free << clusterBits(), (used - free) << clusterBits());
            free = allocator().nextFree(used);
        }
    }

    /** Replaces the generation in the attach's record, after {@link #markInUse}. Blocks; durable after the next sync. */
    public void writeGeneration(long value) throws IOException {
        generation.set(BigEndian.LONG, 0, value);
        file.write(generation, attachRecordAt + AttachRecord.GENERATION_AT);
    }

    /**
     * Marks the image as closed: the last act on it, with all metadata written and no data in flight. The file is made to end
     * where its used clusters end, and everything is durable before the mark changes. Blocks; durable when this returns.
     */
    public void markClosed() throws IOException {
        if (!failedZonesAreWritten) {
            writeFailedZones(failedZones);
        }
        file.setSize(allocator().endOfUsed() << header.clusterBits());
        file.sync(Barrier.ALL_BEFORE_CLEAN);
        header.writeDirty(file, false);
        file.sync(Barrier.CLEAN_BEFORE_CLOSED);
    }
}
