package io.ublkzoned.bindings.ublk;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.blkzoned.blk_zone_range;
import io.ublkzoned.bindings.generated.blkzoned.blkzoned_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The ioctl requests on a zoned block device, and their arguments. Sectors are of 512 bytes. */
public final class BlkZoneIoctls {
    /** Takes and fills a {@link #report}. */
    public static final int BLKREPORTZONE = (int) blkzoned_h.BLKREPORTZONE();

    /**
     * Works as BLKREPORTZONE, but from the kernel's cache if {@link #askForCache} was called. Since Linux 6.19; -ENOTTY
     * before.
     */
    public static final int BLKREPORTZONEV2 = (int) blkzoned_h.BLKREPORTZONEV2();

    /** Takes a {@link #range} of whole zones, as the next three do. */
    public static final int BLKRESETZONE = (int) blkzoned_h.BLKRESETZONE();

    public static final int BLKOPENZONE = (int) blkzoned_h.BLKOPENZONE();
    public static final int BLKCLOSEZONE = (int) blkzoned_h.BLKCLOSEZONE();
    public static final int BLKFINISHZONE = (int) blkzoned_h.BLKFINISHZONE();

    /** Fills a u32: the zone size in sectors; 0 if the device is not zoned. */
    public static final int BLKGETZONESZ = (int) blkzoned_h.BLKGETZONESZ();
    /** Fills a u32. */
    public static final int BLKGETNRZONES = (int) blkzoned_h.BLKGETNRZONES();
    /** Fills a u64: the size of a block device in bytes. */
    public static final int BLKGETSIZE64 = (int) blkzoned_h.BLKGETSIZE64();
    /** Fills a u32: the logical block size in bytes. */
    public static final int BLKSSZGET = blkzoned_h.BLKSSZGET();

    private BlkZoneIoctls() {}

    /** Makes the argument of the zone operations (struct blk_zone_range). */
    public static MemorySegment range(Arena arena, long startSector, long lengthSectors) {
        MemorySegment range = arena.allocate(blk_zone_range.layout());
        blk_zone_range.sector(range, startSector);
        blk_zone_range.nr_sectors(range, lengthSectors);
        return range;
    }

    /**
     * Makes the argument of BLKREPORTZONE (struct blk_zone_report), with room for {@code zones} zones from {@code
     * startSector} on.
     */
    public static MemorySegment report(Arena arena, long startSector, int zones) {
        long bytes = blkzoned_h.REPORT_BYTES() + (long) zones * BlkZone.BYTES;
        MemorySegment report = arena.allocate(bytes, Long.BYTES);
        report.set(JAVA_LONG, blkzoned_h.REPORT_SECTOR(), startSector);
        report.set(JAVA_INT, blkzoned_h.REPORT_NR_ZONES(), zones);
        return report;
    }

    /** Makes BLKREPORTZONEV2 fill the report without asking the device. */
    public static void askForCache(MemorySegment report) {
        report.set(JAVA_INT, blkzoned_h.REPORT_FLAGS(), blkzoned_h.BLK_ZONE_REP_CACHED());
    }

    /** Returns the number of zones that a report was filled with. */
    public static int reportedZones(MemorySegment report) {
        return report.get(JAVA_INT, blkzoned_h.REPORT_NR_ZONES());
    }

    /** Returns the zones of a report, for the readers of {@link BlkZone}. */
    public static MemorySegment zones(MemorySegment report) {
        return report.asSlice(blkzoned_h.REPORT_BYTES());
    }
}
