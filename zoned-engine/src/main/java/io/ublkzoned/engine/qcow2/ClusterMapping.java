package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The L2 entries of an image, read and written in ranges. Reads may run in parallel with each other, and with one write
 * of another range.
 */
final class ClusterMapping {

    private static final int WRITE_BYTES_MAX = 64 << 10;

    private final ImageFile file;
    private final int clusterBits;
    private final int l2Shift;
    private final ImageTables tables;
    private final long limitCluster;
    private final boolean writable;
    private @Nullable MemorySegment writeBuffer;

    /** @param writable whether a zero cluster may be turned into an ordinary one */
    ClusterMapping(ImageFile file, int clusterBits, ImageTables tables, boolean writable) {
        this.file = file;
        this.clusterBits = clusterBits;
        this.l2Shift = clusterBits - 3;
        this.tables = tables;
        this.limitCluster = Math.max(tables.limitCluster(), tables.refcounts().coveredClusters());
        this.writable = writable;
    }

    /** Implements {@link Qcow2Image#readMapping}. */
    void read(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        int done = 0;
        while (done < count) {
            long guestCluster = firstGuestCluster + done;
            int entries = entriesInTable(guestCluster, count - done);
            long l2Offset = l2Offset(guestCluster);
            if (l2Offset == 0) {
                Arrays.fill(hostClusters, done, done + entries, L2Entry.HOLE);
            } else {
                readTable(guestCluster, entryOffset(l2Offset, guestCluster), entries, hostClusters, done);
            }
            done += entries;
        }
    }

    private void readTable(long firstGuestCluster, long offset, int entries, long[] hostClusters, int at)
            throws IOException {
        MemorySegment raw = MemorySegment.ofArray(new byte[entries * Long.BYTES]);
        file.read(raw, offset);
        boolean hasZeros = false;
        for (int i = 0; i < entries; i++) {
            long entry = raw.getAtIndex(BigEndian.LONG, i);
            long hostCluster = decode(entry, firstGuestCluster + i);
            if (hostCluster != L2Entry.HOLE && L2Entry.isZero(entry)) {
                if (writable) {
                    // The space becomes a hole, which also reads as zeros, before the flag is cleared. Otherwise old
                    // data would reappear. Without the flag, data can be written there.
                    file.punchHole(hostCluster << clusterBits, 1L << clusterBits);
                    hasZeros = true;
                } else {
                    hostCluster = L2Entry.HOLE;
                }
            }
            hostClusters[at + i] = hostCluster;
        }
        if (hasZeros) {
            makeOrdinary(raw, offset, entries, hostClusters, at);
        }
    }

    /** Clears the flag of entries that are marked as zeros, whose space is a hole by now. */
    private void makeOrdinary(MemorySegment raw, long offset, int entries, long[] hostClusters, int at)
            throws IOException {
        boolean durable = syncHoles();
        for (int i = 0; i < entries; i++) {
            if (L2Entry.isZero(raw.getAtIndex(BigEndian.LONG, i))) {
                raw.setAtIndex(BigEndian.LONG, i, L2Entry.of(hostClusters[at + i], clusterBits));
                hostClusters[at + i] = durable ? hostClusters[at + i] : L2Entry.HOLE;
            }
        }
        if (durable) {
            file.write(raw, offset);
        }
    }

    /**
     * Makes the holes durable. Returns false if that failed: then no later write will be durable, but reads continue.
     */
    private boolean syncHoles() {
        try {
            file.sync(Barrier.ZEROS_BEFORE_DATA);
            return true;
        } catch (IOException e) {
            return false; // the next flush fails too and reports the reason
        }
    }

    private long decode(long entry, long guestCluster) throws ImageFormatException {
        if (L2Entry.isCompressed(entry)) {
            throw L2Entry.compressed(guestCluster);
        }
        long hostCluster = L2Entry.hostCluster(entry, clusterBits);
        if (L2Entry.isDamaged(entry, clusterBits)
                || hostCluster >= limitCluster
                || (hostCluster != L2Entry.HOLE && tables.metadata().contains(hostCluster))) {
            throw new ImageFormatException("the mapping of guest cluster %d is damaged (%#x): run ublk-zoned check"
                    .formatted(guestCluster, entry));
        }
        return hostCluster;
    }

    /** Implements {@link Qcow2Image#writeMapping}. */
    void write(long firstGuestCluster, int count, long[] hostClusters) throws IOException {
        if (writeBuffer == null) {
            writeBuffer = Arena.ofAuto().allocate(WRITE_BYTES_MAX, Long.BYTES);
        }
        int done = 0;
        while (done < count) {
            long guestCluster = firstGuestCluster + done;
            int entries = entriesInTable(guestCluster, Math.min(count - done, WRITE_BYTES_MAX / Long.BYTES));
            for (int i = 0; i < entries; i++) {
                writeBuffer.setAtIndex(BigEndian.LONG, i, L2Entry.of(hostClusters[done + i], clusterBits));
            }
            file.write(writeBuffer, (long) entries * Long.BYTES, entryOffset(l2Offset(guestCluster), guestCluster));
            done += entries;
        }
    }

    private int entriesInTable(long guestCluster, int wanted) {
        long tableEnd = ((guestCluster >>> l2Shift) + 1) << l2Shift;
        return (int) Math.min(wanted, tableEnd - guestCluster);
    }

    private long l2Offset(long guestCluster) {
        return tables.l2Offsets()[(int) (guestCluster >>> l2Shift)];
    }

    private long entryOffset(long l2Offset, long guestCluster) {
        return l2Offset + (guestCluster & (1L << l2Shift) - 1) * Long.BYTES;
    }
}
