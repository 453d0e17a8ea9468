package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import java.util.Arrays;

/**
 * The completion of an image that another program made. It adds the missing tables: an L2 table for every part of the
 * device, and refcount blocks for the maximum size of the file. After that, no table needsNewTable while the image is attached.
 *
 * <p>New tables are appended to the file as holes, and are durable before anything refers to them. The dirty bit is set
 * throughout, so refcounts may be written after the tables.
 */
final class LayoutCompleter {

    private final ImageFile file;
    private final Qcow2Header header;
    private final HostLayout plan;
    private final ClusterBitmap used;
    private long endCluster;

    private LayoutCompleter(ImageFile file, Qcow2Header header, HostLayout plan, ClusterBitmap used) {
        this.file = file;
        this.header = header;
        this.plan = plan;
        this.used = used;
    }

    static boolean isComplete(ImageTables tables, HostLayout plan) {
        long[] l2Offsets = tables.l2Offsets();
        return missing(l2Offsets, plan.l2Tables()) == 0 && tables.refcounts().coveredClusters() >= plan.hostClusters();
    }

    private static int missing(long[] offsets, int needed) {
        int missing = 0;
        for (int i = 0; i < needed; i++) {
            if (i >= offsets.length || offsets[i] == 0) {
                missing++;
            }
        }
        return missing;
    }

    /**
     * Checks that the tables can be completed, before anything is written.
     *
     * @throws GeometryException if the file is too long for a refcount table
     */
    static void requireRoom(ImageFile file, ImageTables tables, HostLayout plan, ClusterBitmap used)
            throws IOException {
        long end = endCluster(file, plan, used) + missing(tables.l2Offsets(), plan.l2Tables());
        refcountBlocks(tables.refcounts().blockOffsets(), plan, end);
    }

    private static long endCluster(ImageFile file, HostLayout plan, ClusterBitmap used) throws IOException {
        return Math.max(HostLayout.ceilShift(file.sizeBytes(), plan.clusterBits()), used.end());
    }

    /**
     * Returns the number of refcount blocks for a file of {@code endCluster} clusters, the missing blocks and their
     * table.
     */
    private static long refcountBlocks(long[] offsets, HostLayout plan, long endCluster) {
        int blockShift = HostLayout.blockShift(plan.clusterBits(), plan.refcountOrder());
        long blocks = 0;
        long needed = HostLayout.ceilShift(Math.max(plan.hostClusters(), endCluster), blockShift);
        while (blocks < needed) {
            blocks = needed;
            HostLayout.requireFits(blocks * Long.BYTES, ClusterTable.REFCOUNT.bytesMax(), plan.clusterBits());
            long tableClusters = HostLayout.ceilShift(blocks * Long.BYTES, plan.clusterBits());
            long end = endCluster + missing(offsets, (int) blocks) + tableClusters;
            needed = HostLayout.ceilShift(Math.max(plan.hostClusters(), end), blockShift);
        }
        return blocks;
    }

    /**
     * Completes the tables.
     *
     * @param used the host clusters that something refers to; the new tables are added to them
     * @return the tables as they are on disk now
     */
    static ImageTables complete(
            ImageFile file,
            Qcow2Header header,
            ZonedExtension zoned,
            ImageTables tables,
            HostLayout plan,
            ClusterBitmap used)
            throws IOException {
        LayoutCompleter completer = new LayoutCompleter(file, header, plan, used);
        completer.endCluster = endCluster(file, plan, used);
        completer.completeL1(tables.l2Offsets());
        completer.completeRefcounts(tables.refcounts().blockOffsets());
        return ImageTables.read(file, header, zoned, DamageHandler.REFUSE);
    }

    private void completeL1(long[] oldOffsets) throws IOException {
        long[] offsets = oldOffsets.clone();
        append(offsets, plan.l2Tables());
        reserveAndSync();
        ClusterTable.L1.write(file, header.l1Offset(), offsets);
    }

    private void completeRefcounts(long[] oldOffsets) throws IOException {
        long roomClusters = HostLayout.ceilShift((long) oldOffsets.length * Long.BYTES, plan.clusterBits());
        long blocks = refcountBlocks(oldOffsets, plan, endCluster);
        long tableClusters = HostLayout.ceilShift(blocks * Long.BYTES, plan.clusterBits());
        boolean needsNewTable = tableClusters > roomClusters;
        long[] offsets = needsNewTable
                ? Arrays.copyOf(oldOffsets, (int) ((tableClusters << plan.clusterBits()) / Long.BYTES))
                : oldOffsets.clone();
        append(offsets, (int) blocks);
        if (!needsNewTable) {
            reserveAndSync();
            ClusterTable.REFCOUNT.write(file, header.refcountTableOffset(), offsets);
            return;
        }
        long table = endCluster;
        long oldTable = header.refcountTableOffset() >>> plan.clusterBits();
        used.addRange(table, tableClusters);
        endCluster += tableClusters;
        reserveAndSync();
        ClusterTable.REFCOUNT.write(file, table << plan.clusterBits(), offsets);
        file.sync(Barrier.TABLES_BEFORE_REFERENCES);
        header.writeRefcountTable(file, table << plan.clusterBits(), (int) tableClusters);
        for (long cluster = oldTable; cluster < oldTable + roomClusters; cluster++) {
            used.remove(cluster);
        }
    }

    /** Gives each missing table among the first {@code needed} a new cluster. */
    private void append(long[] offsets, int needed) {
        for (int i = 0; i < needed; i++) {
            if (offsets[i] == 0) {
                used.add(endCluster);
                offsets[i] = endCluster++ << plan.clusterBits();
            }
        }
    }

    private void reserveAndSync() throws IOException {
        long end = endCluster << plan.clusterBits();
        if (file.sizeBytes() < end) {
            file.setSize(end);
        }
        file.sync(Barrier.TABLES_BEFORE_REFERENCES);
    }
}
