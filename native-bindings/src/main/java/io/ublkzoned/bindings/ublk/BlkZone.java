package io.ublkzoned.bindings.ublk;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.blkzoned.blkzoned_h;
import java.lang.foreign.MemorySegment;

/**
 * One zone of a report of the kernel (struct blk_zone), by its index in an array of zones. All positions and lengths
 * are in sectors of 512 bytes; the write pointer is absolute. Types and conditions are literals, so that {@code case}
 * labels can use them; the ABI test compares them with the header.
 */
public final class BlkZone {
    public static final int BYTES = blkzoned_h.ZONE_BYTES();

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
    /** Occurs only in a report from the kernel's cache: implicitly open, explicitly open or closed. */
    public static final int COND_ACTIVE = 0xff;

    private BlkZone() {}

    /**
     * Writes one zone into {@code zones}, and sets its other fields to zero.
     *
     * @param writePointerSector -1 if the zone has no valid one
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
        MemorySegment zone = zones.asSlice(at(index, 0), BYTES);
        zone.fill((byte) 0);
        zone.set(JAVA_LONG, blkzoned_h.ZONE_START(), startSector);
        zone.set(JAVA_LONG, blkzoned_h.ZONE_LEN(), lengthSectors);
        zone.set(JAVA_LONG, blkzoned_h.ZONE_WP(), writePointerSector);
        zone.set(JAVA_BYTE, blkzoned_h.ZONE_TYPE(), (byte) type);
        zone.set(JAVA_BYTE, blkzoned_h.ZONE_COND(), (byte) condition);
        zone.set(JAVA_LONG, blkzoned_h.ZONE_CAPACITY(), capacitySectors);
    }

    public static long startSector(MemorySegment zones, int index) {
        return zones.get(JAVA_LONG, at(index, blkzoned_h.ZONE_START()));
    }

    public static long lengthSectors(MemorySegment zones, int index) {
        return zones.get(JAVA_LONG, at(index, blkzoned_h.ZONE_LEN()));
    }

    /** Returns the write pointer, or -1 if the driver reports that it is not valid. */
    public static long writePointerSector(MemorySegment zones, int index) {
        return zones.get(JAVA_LONG, at(index, blkzoned_h.ZONE_WP()));
    }

    public static int type(MemorySegment zones, int index) {
        return Byte.toUnsignedInt(zones.get(JAVA_BYTE, at(index, blkzoned_h.ZONE_TYPE())));
    }

    public static int condition(MemorySegment zones, int index) {
        return Byte.toUnsignedInt(zones.get(JAVA_BYTE, at(index, blkzoned_h.ZONE_COND())));
    }

    public static long capacitySectors(MemorySegment zones, int index) {
        return zones.get(JAVA_LONG, at(index, blkzoned_h.ZONE_CAPACITY()));
    }

    private static long at(int index, int field) {
        return (long) index * BYTES + field;
    }
}
