package io.ublkzoned.bindings.ublk;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublk_param_basic;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The limits of a block device (struct ublk_params), for SET_PARAMS and GET_PARAMS. Each setter of a group also sets
 * its type bit. All sectors are of 512 bytes, whatever the logical block size. A new structure has its length set and
 * everything else zero, and lives as long as its arena. Older drivers know fewer groups, and copy only the bytes of
 * those.
 */
public final class UblkParameters {
    public static final int TYPE_BASIC = ublk_h.UBLK_PARAM_TYPE_BASIC();
    public static final int TYPE_ZONED = ublk_h.UBLK_PARAM_TYPE_ZONED();

    public static final int ATTR_READ_ONLY = ublk_h.UBLK_ATTR_READ_ONLY();
    public static final int ATTR_ROTATIONAL = ublk_h.UBLK_ATTR_ROTATIONAL();
    /** The kernel sends flushes. */
    public static final int ATTR_VOLATILE_CACHE = ublk_h.UBLK_ATTR_VOLATILE_CACHE();
    /** The kernel sends FUA. Without it the kernel sends a flush instead. */
    public static final int ATTR_FUA = ublk_h.UBLK_ATTR_FUA();

    private final MemorySegment segment;

    public UblkParameters(Arena arena) {
        segment = arena.allocate(ublk_h.PARAMS_BYTES(), Long.BYTES);
        segment.set(JAVA_INT, ublk_h.PARAMS_LEN(), ublk_h.PARAMS_BYTES());
    }

    /** Returns the buffer for a control command. */
    public MemorySegment segment() {
        return segment;
    }

    private void addType(int type) {
        segment.set(JAVA_INT, ublk_h.PARAMS_TYPES(), segment.get(JAVA_INT, ublk_h.PARAMS_TYPES()) | type);
    }

    /**
     * Sets the basic group.
     *
     * @param attributes bits ATTR_...
     * @param logicalBlockShift 9 to 12: log2 of the logical block size in bytes, which is the zone write granularity
     *     too
     * @param physicalBlockShift log2 of the physical block size, not below the logical one
     * @param maxSectors of one request, at most what the buffer of the device info holds
     * @param chunkSectors the zone size of a zoned device: a power of two
     * @param deviceSectors a whole number of zones
     */
    public UblkParameters basic(
            int attributes,
            int logicalBlockShift,
            int physicalBlockShift,
            int maxSectors,
            int chunkSectors,
            long deviceSectors) {
        MemorySegment basic = basic();
        ublk_param_basic.attrs(basic, attributes);
        ublk_param_basic.logical_bs_shift(basic, (byte) logicalBlockShift);
        ublk_param_basic.physical_bs_shift(basic, (byte) physicalBlockShift);
        ublk_param_basic.io_opt_shift(basic, (byte) physicalBlockShift);
        ublk_param_basic.io_min_shift(basic, (byte) physicalBlockShift);
        ublk_param_basic.max_sectors(basic, maxSectors);
        ublk_param_basic.chunk_sectors(basic, chunkSectors);
        ublk_param_basic.dev_sectors(basic, deviceSectors);
        addType(TYPE_BASIC);
        return this;
    }

    /**
     * Sets the zoned group.
     *
     * @param maxOpenZones 0 for no limit; not above {@code maxActiveZones} unless that is 0
     * @param maxActiveZones 0 for no limit
     * @param maxAppendSectors not 0: the kernel emulates no append for ublk
     */
    public UblkParameters zoned(int maxOpenZones, int maxActiveZones, int maxAppendSectors) {
        long zoned = ublk_h.PARAMS_ZONED();
        segment.set(JAVA_INT, zoned + ublk_h.ZONED_MAX_OPEN_ZONES(), maxOpenZones);
        segment.set(JAVA_INT, zoned + ublk_h.ZONED_MAX_ACTIVE_ZONES(), maxActiveZones);
        segment.set(JAVA_INT, zoned + ublk_h.ZONED_MAX_ZONE_APPEND_SECTORS(), maxAppendSectors);
        addType(TYPE_ZONED);
        return this;
    }

    /** Returns the size of the device, or 0 without the basic group. */
    public long deviceSectors() {
        return ublk_param_basic.dev_sectors(basic());
    }

    /** Returns the zone size. */
    public int chunkSectors() {
        return ublk_param_basic.chunk_sectors(basic());
    }

    /** Returns the log2 of the logical block size in bytes. */
    public int logicalBlockShift() {
        return ublk_param_basic.logical_bs_shift(basic());
    }

    private MemorySegment basic() {
        return segment.asSlice(ublk_h.PARAMS_BASIC(), ublk_param_basic.sizeof());
    }

    /** Returns the limit of open zones, or 0 for no limit. */
    public int maxOpenZones() {
        return segment.get(JAVA_INT, ublk_h.PARAMS_ZONED() + ublk_h.ZONED_MAX_OPEN_ZONES());
    }

    /** Returns the limit of active zones, or 0 for no limit. */
    public int maxActiveZones() {
        return segment.get(JAVA_INT, ublk_h.PARAMS_ZONED() + ublk_h.ZONED_MAX_ACTIVE_ZONES());
    }
}
