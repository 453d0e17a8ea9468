package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * The recovery of an image that was not closed, or that another program made. It drops mappings at and above the write
 * pointer of sequential zones, rebuilds all refcounts from the references, and truncates the file after its last
 * cluster.
 *
 * <p>Recovery can be interrupted at any point and run again. The dirty bit is durable before the first write and stays
 * set, so everything that an interruption loses is done again. The write pointers that recovery uses are durable or
 * come from a saved state. New tables are durable before anything refers to them. A second run changes nothing. The
 * writes of a recovery are durable after the next sync.
 */
final class ImageRecovery {

    /** @param tables the tables, completed where some were missing */
    record Recovered(ImageTables tables, ClusterAllocator allocator) {}

    private final ImageFile file;
    private final Qcow2Header header;
    private final ZonedExtension zoned;
    private final WritePointerTable pointers;
    private final int clusterBits;
    private final BitSet changedTables = new BitSet();

    ImageRecovery(ImageFile file, Qcow2Header header, ZonedExtension zoned, WritePointerTable pointers) {
        this.file = file;
        this.header = header;
        this.zoned = zoned;
        this.pointers = pointers;
        this.clusterBits = header.clusterBits();
    }

    /**
     * Recovers the image. Blocks until all L2 tables have been read.
     *
     * @throws ImageFormatException if the tables contradict each other, so that it is unknown which of them are right
     */
    Recovered run(ImageTables damaged, HostLayout plan) throws IOException {
        ClusterBitmap used = findReferences(damaged);
        boolean complete = LayoutCompleter.isComplete(damaged, plan);
        if (!complete) {
            LayoutCompleter.requireRoom(file, damaged, plan, used);
        }
        boolean wasClosed = !header.has(FeatureBits.DIRTY);
        header.writeDirty(file, true);
        if (wasClosed) {
            file.sync(Barrier.DIRTY_BEFORE_CHANGES);
        }
        writeChangedTables(damaged);
        ImageTables tables = complete ? damaged : LayoutCompleter.complete(file, header, zoned, damaged, plan, used);
        ClusterAllocator allocator = new ClusterAllocator(tables.refcounts(), used, 0);
        markWrongRefcounts(tables.refcounts(), used, allocator);
        writeRefcounts(allocator);
        file.setSize(used.end() << clusterBits);
        return new Recovered(tables, allocator);
    }

    /** Finds all host clusters that will be in use and the tables that must change, before anything is written. */
    private ClusterBitmap findReferences(ImageTables tables) throws IOException {
        HostClaims claims = new HostClaims(clusterBits, tables.limitCluster(), DamageHandler.REFUSE);
        claims.claimed().addAll(tables.metadata());
        long[] offsets = tables.l2Offsets();
        TableScanner.scan(file, offsets, offsets.length, header.clusterBytes(), (index, table, allZero) -> {
            if (allZero) {
                return;
            }
            for (int i = 0; i < tableEntries(); i++) {
                long entry = table.getAtIndex(BigEndian.LONG, i);
                long recovered = recoveredEntry(entry, guestCluster(index, i));
                long hostCluster = L2Entry.hostCluster(recovered, clusterBits);
                if (hostCluster != L2Entry.HOLE) {
                    claims.claimData(guestCluster(index, i), hostCluster);
                }
                if (recovered != entry) {
                    changedTables.set(index);
                }
            }
        });
        return claims.claimed();
    }

    private void writeChangedTables(ImageTables tables) throws IOException {
        MemorySegment table = MemorySegment.ofArray(new byte[header.clusterBytes()]);
        for (int index = changedTables.nextSetBit(0); index >= 0; index = changedTables.nextSetBit(index + 1)) {
            long offset = tables.l2Offsets()[index];
            file.read(table, offset);
            for (int i = 0; i < tableEntries(); i++) {
                long entry = table.getAtIndex(BigEndian.LONG, i);
                table.setAtIndex(BigEndian.LONG, i, recoveredEntry(entry, guestCluster(index, i)));
            }
            file.write(table, offset);
        }
    }

    /** Returns the recovered entry: 0 where the zone has no data, otherwise with the flag of a cluster's only owner. */
    private long recoveredEntry(long entry, long guestCluster) throws ImageFormatException {
        if (L2Entry.isCompressed(entry)) {
            throw L2Entry.compressed(guestCluster);
        }
        if (entry == 0 || pointers.isPastData(guestCluster << clusterBits)) {
            return 0;
        }
        if (L2Entry.isDamaged(entry, clusterBits)) {
            throw new ImageFormatException(
                    "the image cannot be recovered, because the mapping of guest cluster %d is damaged (%#x): run ublk-zoned check"
                            .formatted(guestCluster, entry));
        }
        return L2Entry.hostCluster(entry, clusterBits) == L2Entry.HOLE ? entry : entry | L2Entry.COPIED;
    }

    private int tableEntries() {
        return header.clusterBytes() / Long.BYTES;
    }

    private long guestCluster(int table, int entry) {
        return (long) table * tableEntries() + entry;
    }

    /** Compares all refcounts with the rebuilt ones and marks the pages that differ. */
    private void markWrongRefcounts(RefcountTable refcounts, ClusterBitmap used, ClusterAllocator allocator)
            throws IOException {
        int blocks = (int) (refcounts.coveredClusters() / refcounts.blockClusters());
        int pagesPerBlock = refcounts.blockClusters() / refcounts.pageClusters();
        MemorySegment expected = MemorySegment.ofArray(new byte[refcounts.pageBytes()]);
        TableScanner.scan(file, refcounts.blockOffsets(), blocks, header.clusterBytes(), (index, block, allZero) -> {
            long first = (long) index * refcounts.blockClusters();
            long end = first + refcounts.blockClusters();
            if (allZero && used.nextPresent(first, end) == end) {
                return;
            }
            for (int i = 0; i < pagesPerBlock; i++) {
                int page = index * pagesPerBlock + i;
                refcounts.encodePage(page, used, expected);
                MemorySegment actual = block.asSlice((long) i * refcounts.pageBytes(), refcounts.pageBytes());
                if (expected.mismatch(actual) != -1) {
                    allocator.dirtyAgain(page);
                }
            }
        });
    }

    private void writeRefcounts(ClusterAllocator allocator) throws IOException {
        MemorySegment page = MemorySegment.ofArray(new byte[allocator.pageBytes()]);
        for (int i = allocator.nextDirtyPage(0); i >= 0; i = allocator.nextDirtyPage(i + 1)) {
            allocator.takeDirtyPage(i, page);
            file.write(page, allocator.pageOffsetBytes(i));
        }
    }
}
