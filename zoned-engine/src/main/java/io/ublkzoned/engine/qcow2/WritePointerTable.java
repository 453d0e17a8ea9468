package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The write pointer table of an image: one absolute device address per zone, with a flag for conventional zones.
 *
 * <p>Used by one thread at a time, the one that writes metadata.
 */
public final class WritePointerTable {

    private static final int PAGE_BYTES = 4096;
    private static final int PAGE_ENTRIES = PAGE_BYTES / Long.BYTES;
    private static final int WRITE_PAGES_MAX = 64;

    private final DeviceGeometry geometry;
    private final ZonedLayout layout;
    private final long tableOffset;
    private final PointerEncoding encoding;
    private final long[] entries;
    private final BitSet dirtyPages = new BitSet();
    private @Nullable MemorySegment writeBuffer;

    private WritePointerTable(ZonedExtension extension, PointerEncoding encoding) {
        geometry = extension.geometry();
        layout = extension.layout();
        tableOffset = extension.tableOffset();
        this.encoding = encoding;
        entries = new long[geometry.zoneCount()];
    }

    /**
     * Creates the table of a new device. Every write pointer is at the start of its zone, and all of them remain to be
     * written.
     */
    static WritePointerTable create(ZonedExtension extension) {
        WritePointerTable table = new WritePointerTable(extension, PointerEncoding.of(extension.layout()));
        for (int zone = 0; zone < table.entries.length; zone++) {
            table.set(zone, extension.geometry().zoneStart(zone));
        }
        return table;
    }

    /**
     * Returns a table of another layout with the same write pointers, all of which remain to be written. A full zone
     * gets the write pointer that the layout's own programs give it when they finish it.
     */
    WritePointerTable converted(ZonedExtension extension) {
        WritePointerTable table = create(extension);
        for (int zone = geometry.conventionalZones(); zone < entries.length; zone++) {
            boolean isFull = get(zone) >= capacityEnd(zone);
            table.set(zone, isFull ? geometry.zoneStart(zone) + geometry.zoneSizeBytes() : get(zone));
        }
        return table;
    }

    /** Returns whether byte order and flag are those of the layout. */
    boolean isEncodedAsItsLayout() {
        return encoding.equals(PointerEncoding.of(layout));
    }

    boolean hasSamePointers(WritePointerTable other) {
        return IntStream.range(0, entries.length).allMatch(zone -> get(zone) == other.get(zone));
    }

    /**
     * Reads the table without rejecting invalid entries. It uses the encoding with the fewest invalid entries; in a
     * tie, that of the layout. The encoding is kept when writing. {@link #problem} describes an invalid entry.
     *
     * @throws ImageFormatException if the table is not a part of the file, or is valid in several encodings with
     *     different write pointers
     */
    static WritePointerTable read(ImageFile file, ZonedExtension extension, int clusterBytes) throws IOException {
        MemorySegment raw = readRaw(file, extension, clusterBytes);
        PointerEncoding expected = PointerEncoding.of(extension.layout());
        WritePointerTable best = new WritePointerTable(extension, expected);
        int fewestProblems = best.decode(raw);
        for (PointerEncoding encoding : expected.others()) {
            WritePointerTable other = new WritePointerTable(extension, encoding);
            int problems = other.decode(raw);
            if (problems < fewestProblems) {
                best = other;
                fewestProblems = problems;
            } else if (problems == 0) {
                best.requireSamePointers(other);
            }
        }
        return best;
    }

    private static MemorySegment readRaw(ImageFile file, ZonedExtension extension, int clusterBytes)
            throws IOException {
        MemorySegment raw = MemorySegment.ofArray(new byte[(int) extension.tableBytes()]);
        long offset = extension.tableOffset();
        if (offset <= 0 || offset % clusterBytes != 0) {
            throw new ImageFormatException(
                    "the write pointer table cannot be at offset %d, which is not that of a cluster: the header is damaged, restore the image from a copy"
                            .formatted(offset));
        }
        if (offset > file.sizeBytes() - raw.byteSize()) {
            throw new ImageFormatException(
                    "the file ends before the end of the write pointer table: it is truncated, restore it from a copy");
        }
        file.read(raw, offset);
        return raw;
    }

    /** Decodes all entries. Returns the number of invalid ones. */
    private int decode(MemorySegment raw) {
        int problems = 0;
        for (int zone = 0; zone < entries.length; zone++) {
            entries[zone] = encoding.read(raw, zone);
            boolean sound = isFlagged(zone) == geometry.isConventional(zone)
                    && isInZone(zone)
                    && get(zone) % DeviceGeometry.SECTOR_BYTES == 0;
            problems += sound ? 0 : 1;
        }
        return problems;
    }

    private void requireSamePointers(WritePointerTable other) throws ImageFormatException {
        for (int zone = 0; zone < entries.length; zone++) {
            if (get(zone) != other.get(zone)) {
                throw new ImageFormatException(
                        "the write pointers are valid in both byte orders, and that of zone %d is %d in one and %d in the other: restore the image from a copy"
                                .formatted(zone, get(zone), other.get(zone)));
            }
        }
    }

    private boolean isFlagged(int zone) {
        return (entries[zone] & encoding.conventionalFlag()) != 0;
    }

    /**
     * Returns whether the write pointer of a zone is in the zone. A smaller last zone counts as a whole one here,
     * because QEMU before the rework of 2026 finished it at the end of a whole zone.
     */
    private boolean isInZone(int zone) {
        long start = geometry.zoneStart(zone);
        return get(zone) >= start && get(zone) - start <= geometry.zoneSizeBytes();
    }

    /** Returns whether the entry is the start of its zone without the upper 32 bits. */
    private boolean isTruncated(int zone) {
        long start = geometry.zoneStart(zone);
        return layout.hasNarrowSizes() && get(zone) != start && get(zone) == Integer.toUnsignedLong((int) start);
    }

    /** Returns a sentence that describes the error in a zone's entry, or null if the entry is valid. */
    @Nullable
    String problem(int zone) {
        if (isFlagged(zone) != geometry.isConventional(zone)) {
            return "zone %d is %s in the write pointer table, but not in the header"
                    .formatted(zone, isFlagged(zone) ? "conventional" : "sequential");
        }
        long pointer = get(zone);
        if (isTruncated(zone)) {
            return "the write pointer of zone %d is %d, which is its start %d cut to 32 bits, as QEMU's patches did before revision 8"
                    .formatted(zone, pointer, geometry.zoneStart(zone));
        }
        if (!isInZone(zone)) {
            return "the write pointer of zone %d is %d, outside of the zone".formatted(zone, pointer);
        }
        return pointer % DeviceGeometry.SECTOR_BYTES == 0
                ? null
                : "the write pointer of zone %d is %d, not a multiple of %d"
                        .formatted(zone, pointer, DeviceGeometry.SECTOR_BYTES);
    }

    /** @throws ImageFormatException if an entry is invalid */
    void requireSound() throws ImageFormatException {
        for (int zone = 0; zone < entries.length; zone++) {
            String problem = problem(zone);
            if (problem != null) {
                throw new ImageFormatException(problem
                        + (isTruncated(zone)
                                ? ": copy its data to an image made with ublk-zoned create"
                                : ": run ublk-zoned check"));
            }
        }
    }

    /**
     * Returns the write pointer of a zone as a device address in bytes. At or past the zone's start plus its capacity
     * the zone is full. A conventional zone has no write pointer: its start is returned.
     */
    public long get(int zone) {
        return entries[zone] & ~encoding.conventionalFlag();
    }

    /**
     * Returns whether an address cannot hold data, because it is in a sequential zone at or past the write pointer or
     * the capacity.
     */
    boolean isPastData(long offsetBytes) {
        if (offsetBytes >= geometry.sizeBytes()) {
            return false;
        }
        int zone = geometry.zoneIndex(offsetBytes);
        return !geometry.isConventional(zone) && offsetBytes >= Math.min(get(zone), capacityEnd(zone));
    }

    /** Returns the end of the capacity of a zone on the device. */
    private long capacityEnd(int zone) {
        return geometry.zoneStart(zone) + geometry.zoneCapacityBytes(zone);
    }

    /** Replaces the write pointers with those that a device of this geometry had acknowledged, in memory only. */
    void replace(IntToLongFunction acknowledged) {
        for (int zone = geometry.conventionalZones(); zone < entries.length; zone++) {
            set(zone, acknowledged.applyAsLong(zone));
        }
    }

    /**
     * Changes a write pointer, in memory only. A write pointer past the capacity becomes the layout's value for a full
     * zone.
     */
    public void set(int zone, long writePointerBytes) {
        if (geometry.isConventional(zone)) {
            entries[zone] = writePointerBytes | encoding.conventionalFlag();
        } else if (layout.pointersEndAtCapacity()) {
            entries[zone] = Math.min(writePointerBytes, capacityEnd(zone));
        } else {
            entries[zone] = writePointerBytes;
        }
        dirtyPages.set(zone / PAGE_ENTRIES);
    }

    /** Returns whether changed write pointers remain to be written. */
    public boolean isDirty() {
        return !dirtyPages.isEmpty();
    }

    /**
     * Writes the pages that hold changed write pointers. Blocks; durable after the next sync.
     *
     * @return whether anything was written
     */
    public boolean writeDirtyPages(ImageFile file) throws IOException {
        int page = dirtyPages.nextSetBit(0);
        if (page < 0) {
            return false;
        }
        if (writeBuffer == null) {
            int entriesMax = Math.min(entries.length, WRITE_PAGES_MAX * PAGE_ENTRIES);
            writeBuffer = Arena.ofAuto().allocate((long) entriesMax * Long.BYTES, Long.BYTES);
        }
        while (page >= 0) {
            int end = Math.min(dirtyPages.nextClearBit(page), page + WRITE_PAGES_MAX);
            int firstZone = page * PAGE_ENTRIES;
            int endZone = Math.min(entries.length, end * PAGE_ENTRIES);
            for (int zone = firstZone; zone < endZone; zone++) {
                encoding.write(writeBuffer, zone - firstZone, entries[zone]);
            }
            long offset = (long) firstZone * Long.BYTES;
            file.write(writeBuffer, (long) endZone * Long.BYTES - offset, tableOffset + offset);
            dirtyPages.clear(page, end);
            page = dirtyPages.nextSetBit(end);
        }
        return true;
    }
}
