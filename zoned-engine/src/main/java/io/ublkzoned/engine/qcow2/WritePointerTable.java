package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageFile;
import io.ublkzoned.engine.ImageFormatException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The write pointers that the image holds: one absolute device address a zone, with a flag for conventional zones.
 *
 * <p>Belongs to one thread at a time, the one that writes metadata.
 */
public final class WritePointerTable {

    private static final int PAGE_BYTES = 4096;
    private static final int PAGE_ENTRIES = PAGE_BYTES / Long.BYTES;
    /** The most that one write carries. */
    private static final int WRITE_PAGES_MAX = 64;

    private final DeviceGeometry geometry;
    private final ZonedExtension.Layout layout;
    private final long tableOffset;
    private final long[] entries;
    private final BitSet dirtyPages = new BitSet();

    private WritePointerTable(DeviceGeometry geometry, ZonedExtension.Layout layout, long tableOffset) {
        this.geometry = geometry;
        this.layout = layout;
        this.tableOffset = tableOffset;
        entries = new long[geometry.zoneCount()];
    }

    /** The table of a new device: every write pointer at the start of its zone, everything still to be written. */
    static WritePointerTable create(ZonedExtension extension) {
        DeviceGeometry geometry = extension.geometry();
        WritePointerTable table = new WritePointerTable(geometry, extension.layout(), extension.tableOffset());
        for (int zone = 0; zone < table.entries.length; zone++) {
            table.set(zone, geometry.zoneStart(zone));
        }
        return table;
    }

    /**
     * Reads the table as it stands; {@link #problem} tells whether an entry can be right.
     *
     * @throws ImageFormatException if the table is not a part of the file
     */
    static WritePointerTable read(ImageFile file, ZonedExtension extension, int clusterBytes) throws IOException {
        WritePointerTable table =
                new WritePointerTable(extension.geometry(), extension.layout(), extension.tableOffset());
        MemorySegment raw = MemorySegment.ofArray(new byte[table.entries.length * Long.BYTES]);
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
        ValueLayout.OfLong entryLayout = entryLayout(extension.layout());
        for (int zone = 0; zone < table.entries.length; zone++) {
            table.entries[zone] = raw.getAtIndex(entryLayout, zone);
        }
        return table;
    }

    private static ValueLayout.OfLong entryLayout(ZonedExtension.Layout layout) {
        return ValueLayout.JAVA_LONG_UNALIGNED.withOrder(
                layout.pointersBigEndian() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    }

    /** What is wrong with the entry of a zone, as a sentence, or null if it can be right. */
    @Nullable
    String problem(int zone) {
        boolean flagged = (entries[zone] & layout.conventionalFlag()) != 0;
        if (flagged != geometry.isConventional(zone)) {
            return "zone %d is %s in the write pointer table, but not in the header"
                    .formatted(zone, flagged ? "conventional" : "sequential");
        }
        long pointer = get(zone);
        long start = geometry.zoneStart(zone);
        if (pointer < start || pointer - start > geometry.zoneSizeBytes()) {
            return "the write pointer of zone %d is %d, outside of the zone".formatted(zone, pointer);
        }
        return pointer % DeviceGeometry.SECTOR_BYTES == 0
                ? null
                : "the write pointer of zone %d is %d, not a multiple of %d"
                        .formatted(zone, pointer, DeviceGeometry.SECTOR_BYTES);
    }

    /** @throws ImageFormatException if an entry cannot be right */
    void requireSound() throws ImageFormatException {
        for (int zone = 0; zone < entries.length; zone++) {
            String problem = problem(zone);
            if (problem != null) {
                throw new ImageFormatException(problem + ": run ublk-zoned check");
            }
        }
    }

    /**
     * The write pointer of a zone as a device address in bytes. At or past the zone's start plus its capacity the zone
     * is full. A conventional zone has none: its start is returned.
     */
    public long get(int zone) {
        return entries[zone] & ~layout.conventionalFlag();
    }

    /**
     * Whether an address can hold no data: it is in a sequential zone, at or past its write pointer or its capacity.
     */
    boolean isPastData(long offsetBytes) {
        if (offsetBytes >= geometry.sizeBytes()) {
            return false;
        }
        int zone = geometry.zoneIndex(offsetBytes);
        return !geometry.isConventional(zone)
                && offsetBytes >= Math.min(get(zone), geometry.zoneStart(zone) + geometry.capacityBytes());
    }

    /**
     * Takes over what was acknowledged, in memory for now.
     *
     * @throws IOException if that is not the state of such a device
     */
    void replace(DeviceState left) throws IOException {
        if (!left.isSound()) {
            throw new IOException("what the server left of its device's state is of no use: it does not fit the image");
        }
        for (int zone = geometry.conventionalZones(); zone < entries.length; zone++) {
            set(zone, left.writePointerBytes(zone));
        }
    }

    /** Changes a write pointer, in memory for now. */
    public void set(int zone, long writePointerBytes) {
        entries[zone] =
                geometry.isConventional(zone) ? writePointerBytes | layout.conventionalFlag() : writePointerBytes;
        dirtyPages.set(zone / PAGE_ENTRIES);
    }

    /**
     * Writes the pages that hold changed write pointers. Not durable before the next sync. Blocks.
     *
     * @return whether there was anything to write
     */
    public boolean writeDirtyPages(ImageFile file) throws IOException {
        int page = dirtyPages.nextSetBit(0);
        if (page < 0) {
            return false;
        }
        while (page >= 0) {
            int end = Math.min(dirtyPages.nextClearBit(page), page + WRITE_PAGES_MAX);
            int firstZone = page * PAGE_ENTRIES;
            MemorySegment raw = encode(firstZone, Math.min(entries.length, end * PAGE_ENTRIES));
            file.write(raw, tableOffset + (long) firstZone * Long.BYTES);
            dirtyPages.clear(page, end);
            page = dirtyPages.nextSetBit(end);
        }
        return true;
    }

    private MemorySegment encode(int firstZone, int endZone) {
        MemorySegment raw = MemorySegment.ofArray(new byte[(endZone - firstZone) * Long.BYTES]);
        ValueLayout.OfLong entryLayout = entryLayout(layout);
        for (int zone = firstZone; zone < endZone; zone++) {
            raw.setAtIndex(entryLayout, zone - firstZone, entries[zone]);
        }
        return raw;
    }
}
