package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The refcount table: the offsets of the refcount blocks, and the arithmetic that follows from the width of a refcount
 * (qcow2 specification, "Host cluster management"). Refcounts are read and written in pages of 4 KiB, or of a cluster
 * if that is smaller. Immutable.
 */
final class RefcountTable {

    /** The order of the widest refcount: 1 << 6 bits. */
    static final int ORDER_MAX = 6;

    /**
     * The maximum number of clusters, which keeps page numbers in an int and bitmaps in memory: 4 PiB of file with
     * clusters of 64 KiB.
     */
    static final long CLUSTERS_MAX = 1L << 36;

    private static final int PAGE_BYTES_MAX = 4096;

    private final int clusterBits;
    private final int order;
    private final long[] blockOffsets;
    private final long coveredClusters;

    /** @param blockOffsets the offset of each block in the file, 0 for a missing one */
    RefcountTable(int clusterBits, int order, long[] blockOffsets) {
        this.clusterBits = clusterBits;
        this.order = order;
        this.blockOffsets = blockOffsets;
        int blocks = 0;
        while (blocks < blockOffsets.length && blockOffsets[blocks] != 0) {
            blocks++;
        }
        coveredClusters = Math.min(CLUSTERS_MAX, (long) blocks << blockShift());
    }

    private int blockShift() {
        return HostLayout.blockShift(clusterBits, order);
    }

    /** Returns the offset of each block in the file, 0 for a missing one. */
    long[] blockOffsets() {
        return blockOffsets;
    }

    int order() {
        return order;
    }

    int blockBytes() {
        return 1 << clusterBits;
    }

    /** Returns the number of clusters that a block holds refcounts for. */
    int blockClusters() {
        return 1 << blockShift();
    }

    int pageBytes() {
        return Math.min(PAGE_BYTES_MAX, 1 << clusterBits);
    }

    private int pageShift() {
        return Integer.numberOfTrailingZeros(pageBytes()) + 3 - order;
    }

    /** Returns the number of clusters that a page holds refcounts for. */
    int pageClusters() {
        return 1 << pageShift();
    }

    int pageOf(long cluster) {
        return (int) (cluster >>> pageShift());
    }

    /** Returns the number of clusters, counted from the first, that have a place for their refcount. */
    long coveredClusters() {
        return coveredClusters;
    }

    int pageCount() {
        return (int) (coveredClusters >>> pageShift());
    }

    /** Returns the offset of a page in the file. */
    long pageOffset(int page) {
        int pagesPerBlock = 1 << (blockShift() - pageShift());
        return blockOffsets[page / pagesPerBlock] + (long) (page % pagesPerBlock) * pageBytes();
    }

    /**
     * Reads the set of clusters whose refcount is 1.
     *
     * @param endCluster the end of the file, at which reading stops
     * @throws ImageFormatException if a refcount is greater than 1
     */
    ClusterBitmap readUsed(ImageFile file, long endCluster) throws IOException {
        ClusterBitmap used = new ClusterBitmap();
        int blocks = (int) HostLayout.ceilShift(Math.min(endCluster, coveredClusters), blockShift());
        TableScanner.scan(file, blockOffsets, blocks, 1 << clusterBits, (index, block, allZero) -> {
            if (allZero) {
                return;
            }
            long first = (long) index << blockShift();
            int count = (int) Math.min(blockClusters(), endCluster - first);
            for (int i = 0; i < count; i++) {
                long refcount = decode(block, order, i);
                if (refcount != 0 && refcount != 1) {
                    throw new ImageFormatException(
                            "host cluster %d is marked as shared by %s owners, which a zoned image cannot have: run ublk-zoned check"
                                    .formatted(first + i, Long.toUnsignedString(refcount)));
                }
                if (refcount == 1) {
                    used.add(first + i);
                }
            }
        });
        return used;
    }

    /**
     * Encodes a page whose refcounts are 1 for the clusters of a set and 0 for all others.
     *
     * @param target receives {@link #pageBytes} bytes
     */
    void encodePage(int page, ClusterBitmap used, MemorySegment target) {
        target.fill((byte) 0);
        long first = (long) page << pageShift();
        long end = first + pageClusters();
        for (long cluster = used.nextPresent(first, end); cluster < end; cluster = used.nextPresent(cluster + 1, end)) {
            encode(target, order, (int) (cluster - first), 1);
        }
    }

    /** Returns the refcount at an index of a block or page. */
    static long decode(MemorySegment refcounts, int order, int index) {
        return switch (order) {
            case 6 -> refcounts.getAtIndex(BigEndian.LONG, index);
            case 5 -> Integer.toUnsignedLong(refcounts.getAtIndex(BigEndian.INT, index));
            case 4 -> Short.toUnsignedLong(refcounts.getAtIndex(BigEndian.SHORT, index));
            default -> {
                int shift = index << order & 7;
                yield refcounts.get(ValueLayout.JAVA_BYTE, (long) index << order >>> 3) >>> shift
                        & (1 << (1 << order)) - 1;
            }
        };
    }

    /** Sets the refcount at an index of a block or page. Widths below a byte fill it from the lowest bit. */
    static void encode(MemorySegment refcounts, int order, int index, long value) {
        switch (order) {
            case 6 -> refcounts.setAtIndex(BigEndian.LONG, index, value);
            case 5 -> refcounts.setAtIndex(BigEndian.INT, index, (int) value);
            case 4 -> refcounts.setAtIndex(BigEndian.SHORT, index, (short) value);
            default -> {
                long offset = (long) index << order >>> 3;
                int shift = index << order & 7;
                int mask = ((1 << (1 << order)) - 1) << shift;
                int rest = refcounts.get(ValueLayout.JAVA_BYTE, offset) & ~mask;
                refcounts.set(ValueLayout.JAVA_BYTE, offset, (byte) (rest | (int) value << shift));
            }
        }
    }
}
