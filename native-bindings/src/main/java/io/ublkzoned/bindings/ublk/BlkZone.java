package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.blkzoned.blk_zone;
import java.lang.foreign.MemorySegment;

/**
 * One zone as the kernel reports it (struct blk_zone), by index in an array of them. All positions and lengths are in
 * sectors of 512 bytes; the write pointer is absolute. Types and conditions are literals, so that {@code switch} takes
 * them; the ABI test compares them with the header.
 */
public final class BlkZone {
    public static final int BYTES = (int) blk_zone.sizeof();

    public static final int TYPE_CONVENTIONAL = 1;
    public static final int TYPE_SEQWRITE_REQ = 2;
    public static final int TYPE_SEQWRITE_PREF = 3;

    public static final int COND_NOT_WP = 0x0;
    public static final int COND_EMPTY = 0x1;
    public static final int COND_IMP_OPEN = 0x2;
    public static final int COND_EXP_OPEN = 0x3;
    public static final int COND_CLOSED = 0x4;
    public static final int COND_READONLY = 0xd;
    public static final int COND_FULL = 0xe;
    public static final int COND_OFFLINE = 0xf;
    /** Only in a report from the kernel's cache: open, whichever way, or closed. */
    public static final int COND_ACTIVE = 0xff;

    private BlkZone() {}

    /**
     * Writes one zone into {@code zones}, with its other fields zero.
     *
     * @param type TYPE_...
     * @param condition COND_...
     * @param capacitySectors never 0: the length for a conventional zone
     */
    public static void set(
            MemorySegment zones,
            int index,
            long startSector,
            long lengthSectors,
            long writePointerSector,
            int type,
            int condition,
            long capacitySectors) {
        MemorySegment zone = zone(zones, index);
        zone.fill((byte) 0);
        blk_zone.start(zone, startSector);
        blk_zone.len(zone, lengthSectors);
        blk_zone.wp(zone, writePointerSector);
        blk_zone.type(zone, (byte) type);
        blk_zone.cond(zone, (byte) condition);
        blk_zone.capacity(zone, capacitySectors);
    }

    public static long startSector(MemorySegment zones, int index) {
        return blk_zone.start(zone(zones, index));
    }

    public static long lengthSectors(MemorySegment zones, int index) {
        return blk_zone.len(zone(zones, index));
    }

    public static long writePointerSector(MemorySegment zones, int index) {
        return blk_zone.wp(zone(zones, index));
    }

    public static int type(MemorySegment zones, int index) {
        return Byte.toUnsignedInt(blk_zone.type(zone(zones, index)));
    }

    public static int condition(MemorySegment zones, int index) {
        return Byte.toUnsignedInt(blk_zone.cond(zone(zones, index)));
    }

    public static long capacitySectors(MemorySegment zones, int index) {
        return blk_zone.capacity(zone(zones, index));
    }

    private static MemorySegment zone(MemorySegment zones, int index) {
        return zones.asSlice(index * blk_zone.sizeof(), blk_zone.sizeof());
    }
}
