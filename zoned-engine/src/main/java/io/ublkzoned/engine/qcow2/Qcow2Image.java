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
 * An open image: the contents of its header and tables, and the primitives that change them.
 *
 * <p>It neither orders writes nor has a lock. The engine's metadata writer orders writes, and the device's lock guards
 * {@link #allocator}. All methods that do I/O block, and belong on the thread that opens an image or writes metadata.
 * The caller owns the file and closes it.
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
     * Opens an image and checks its tables against the file.
     *
     * <p>For {@link Access#READ_WRITE} and {@link Access#DETACHED}, an image that was not closed is recovered from the
     * contents of stable storage, and an image of another program receives the tables that it lacks. Both leave the
     * dirty bit set. Free clusters may still hold old data: {@link #punchFree} makes holes of them before any is
     * allocated. A refused image is not written to. For {@link Access#READ_ONLY} nothing is ever written.
     *
     * @throws ImageFormatException if the file cannot be opened for this access, with one sentence for the user
     */
    public static Qcow2Image open(ImageFile file, Access access) throws IOException {
        return open(file, access, null);
    }

    /**
     * Opens an image for writing that was not closed because its server died. Its write pointers are the acknowledged
     * ones, which remain to be written to the file.
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
            // A sync may have failed before. Data that is only cached may be gone at the next read, so recovery must
            // not act on it.
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
        ImageTables tables = ImageTables.read(file, header, zoned, DamageHandler.REFUSE);
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

    /** Reads the refcounts of a closed image. All its metadata clusters must have one. */
    private static ClusterBitmap readUsed(ImageFile file, ImageTables tables) throws IOException {
        ClusterBitmap used = tables.refcounts().readUsed(file, tables.limitCluster());
        ClusterBitmap metadata = tables.metadata();
        long end = metadata.end();
        for (long cluster = metadata.nextPresent(0, end);
                cluster < end;
                cluster = metadata.nextPresent(cluster + 1, end)) {
            if (!used.contains(cluster)) {
                DamageHandler.REFUSE.handle("host cluster %d holds metadata and is marked as free".formatted(cluster));
            }
        }
        return used;
    }

    /**
     * Marks the clusters that mappings name as in use. Otherwise a wrong refcount of 0 would free a cluster that holds
     * data. Damage is ignored here; the damaged zone fails when it is used.
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

    /** Returns the layout of the image's zoned header extension. */
    public ZonedLayout layout() {
        return zoned.layout();
    }

    public int clusterBits() {
        return header.clusterBits();
    }

    public int clusterSizeBytes() {
        return header.clusterBytes();
    }

    /** Returns whether the last writer, which may be this one, has not closed the image. */
    public boolean isDirty() {
        return header.has(FeatureBits.DIRTY);
    }

    /**
     * Returns the allocator of host clusters, guarded by the device's lock.
     *
     * @throws IllegalStateException if the image was opened for reading only
     */
    public ClusterAllocator allocator() {
        if (allocator == null) {
            throw new IllegalStateException("the image is open for reading only");
        }
        return allocator;
    }

    /**
     * Returns the write pointers on disk with the changes still to be written. Used by the thread that writes metadata.
     */
    public WritePointerTable writePointers() {
        return pointers;
    }

    /** Returns the read-only and offline zones. Used by the thread that writes metadata. */
    public FailedZones failedZones() {
        return failedZones;
    }

    /**
     * Replaces the failed zones, in the file too. Blocks; durable after the next sync. If this throws, the file may
     * have either record.
     */
    public void writeFailedZones(FailedZones zones) throws IOException {
        MemorySegment record = zones.encode();
        failedZones = zones;
        failedZonesAreWritten = false;
        header.writeFailedZones(file, record);
        failedZonesAreWritten = true;
    }

    /**
     * Reads the host clusters of guest clusters. If the image is open for writing, a cluster that has space but is
     * marked as zeros becomes an ordinary one whose space is a hole. Blocks.
     *
     * @param hostClusters receives {@code count} host clusters, -1 for each hole, which reads as zeros
     * @throws ImageFormatException if an entry is invalid, or is of an unsupported kind
     */
    public void readMapping(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        header.requireFollowable();
        mapping.read(firstGuestCluster, count, hostClusters);
    }

    /**
     * Writes the host clusters of guest clusters. The range may lie in several L2 tables. Blocks; durable after the
     * next sync.
     *
     * @param hostClusters {@code count} host clusters, -1 for each hole
     */
    public void writeMapping(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        mapping.write(firstGuestCluster, count, hostClusters);
    }

    /**
     * Returns whether the file has room for metadata only. False for images of other programs, whose metadata may be
     * anywhere.
     */
    public boolean hasNoData() throws IOException {
        HostLayout layout = HostLayout.plan(geometry(), header.clusterBits(), HostLayout.REFCOUNT_ORDER);
        return file.sizeBytes() <= layout.metadataBytes();
    }

    /** Returns the record of the attach that last wrote to the image, if any. */
    public Optional<AttachRecord> attachRecord() {
        return header.attachRecord();
    }

    /**
     * Returns whether this program closed the image and no one has written to it since. If true, all free clusters are
     * holes. Returns false once the image is marked as in use.
     */
    public boolean isClosedHere() {
        return header.wasClosedHere() && !isDirty();
    }

    /**
     * Marks the image as in use by an attach. Blocks; the mark is durable when this returns.
     *
     * <p>Also clears the autoclear bits. A recovered image is marked already: only the record is written, durable after
     * the next sync.
     */
    public void markInUse(AttachRecord record) throws IOException {
        attachRecordAt = header.writeAttachRecord(file, record);
        markDirty();
    }

    /**
     * Marks the image as in use by no attach. A state that an earlier attach saved then no longer belongs to the image.
     * Otherwise like {@link #markInUse(AttachRecord)}.
     */
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
     * Makes holes of all free clusters, in which a recovery or another program may have left old data. Blocks; durable
     * after the next sync.
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

    /**
     * Replaces the generation in the record of the attach, after {@link #markInUse(AttachRecord)}. Blocks; durable
     * after the next sync.
     */
    public void writeGeneration(long value) throws IOException {
        generation.set(BigEndian.LONG, 0, value);
        file.write(generation, attachRecordAt + AttachRecord.GENERATION_AT);
    }

    /**
     * Marks the image as closed. This is the last operation on it, with all metadata written and no data in flight. The
     * file is truncated after its last used cluster, and everything is durable before the mark changes. Blocks; durable
     * when this returns.
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
