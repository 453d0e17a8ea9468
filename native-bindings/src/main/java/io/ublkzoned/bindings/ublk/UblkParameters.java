package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublk_param_basic;
import io.ublkzoned.bindings.generated.ublk.ublk_param_devt;
import io.ublkzoned.bindings.generated.ublk.ublk_param_discard;
import io.ublkzoned.bindings.generated.ublk.ublk_param_dma_align;
import io.ublkzoned.bindings.generated.ublk.ublk_param_segment;
import io.ublkzoned.bindings.generated.ublk.ublk_param_zoned;
import io.ublkzoned.bindings.generated.ublk.ublk_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The limits of a block device (struct ublk_params), for SET_PARAMS and GET_PARAMS. Each setter of a group also sets
 * its type bit. All sectors are of 512 bytes, whatever the logical block size. Made with its length set and everything
 * else zero; as long-lived as its arena. Older drivers know fewer groups, and take or fill as many bytes as they know.
 */
public final class UblkParameters {
    public static final int TYPE_BASIC = ublk_h.UBLK_PARAM_TYPE_BASIC();
    public static final int TYPE_DISCARD = ublk_h.UBLK_PARAM_TYPE_DISCARD();
    public static final int TYPE_DEVT = ublk_h.UBLK_PARAM_TYPE_DEVT();
    public static final int TYPE_ZONED = ublk_h.UBLK_PARAM_TYPE_ZONED();
    public static final int TYPE_DMA_ALIGN = ublk_h.UBLK_PARAM_TYPE_DMA_ALIGN();
    public static final int TYPE_SEGMENT = ublk_h.UBLK_PARAM_TYPE_SEGMENT();

    public static final int ATTR_READ_ONLY = ublk_h.UBLK_ATTR_READ_ONLY();
    public static final int ATTR_ROTATIONAL = ublk_h.UBLK_ATTR_ROTATIONAL();
    /** Flushes are sent. */
    public static final int ATTR_VOLATILE_CACHE = ublk_h.UBLK_ATTR_VOLATILE_CACHE();
    /** FUA is sent; without it the kernel makes a flush of it. */
    public static final int ATTR_FUA = ublk_h.UBLK_ATTR_FUA();

    private final MemorySegment segment;
    private final MemorySegment basic;
    private final MemorySegment discard;
    private final MemorySegment devt;
    private final MemorySegment zoned;

    public UblkParameters(Arena arena) {
        this.segment = arena.allocate(ublk_params.layout());
        this.basic = ublk_params.basic(segment);
        this.discard = ublk_params.discard(segment);
        this.devt = ublk_params.devt(segment);
        this.zoned = ublk_params.zoned(segment);
        ublk_params.len(segment, (int) segment.byteSize());
    }

    /** The buffer for a control command. */
    public MemorySegment segment() {
        return segment;
    }

    /** Bits TYPE_... of the groups that are set. */
    public int types() {
        return ublk_params.types(segment);
    }

    private void addType(int type) {
        ublk_params.types(segment, types() | type);
    }

    /**
     * The basic group.
     *
     * @param attributes bits ATTR_...
     * @param logicalBlockShift 9 to 12: log2 of the logical block size in bytes; it is the zone write granularity too
     * @param physicalBlockShift log2 of the physical block size, not below the logical one
     * @param maxSectors of one request, at most what the device info's buffer holds
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
     * The zoned group.
     *
     * @param maxOpenZones 0 for no limit; not above {@code maxActiveZones} unless that is 0
     * @param maxActiveZones 0 for no limit
     * @param maxAppendSectors not 0: the kernel emulates no append for ublk
     */
    public UblkParameters zoned(int maxOpenZones, int maxActiveZones, int maxAppendSectors) {
        ublk_param_zoned.max_open_zones(zoned, maxOpenZones);
        ublk_param_zoned.max_active_zones(zoned, maxActiveZones);
        ublk_param_zoned.max_zone_append_sectors(zoned, maxAppendSectors);
        addType(TYPE_ZONED);
        return this;
    }

    /** The discard group; a limit of 0 turns the operation off. */
    public UblkParameters discard(int granularityBytes, int maxDiscardSectors, int maxWriteZeroesSectors) {
        ublk_param_discard.discard_granularity(discard, granularityBytes);
        ublk_param_discard.max_discard_sectors(discard, maxDiscardSectors);
        ublk_param_discard.max_write_zeroes_sectors(discard, maxWriteZeroesSectors);
        ublk_param_discard.max_discard_segments(discard, (short) 1);
        addType(TYPE_DISCARD);
        return this;
    }

    /**
     * Requests begin at memory addresses in which no bit of {@code mask} is set: 511 for O_DIRECT on what lies below.
     */
    public UblkParameters dmaAlignment(int mask) {
        ublk_param_dma_align.alignment(ublk_params.dma(segment), mask);
        addType(TYPE_DMA_ALIGN);
        return this;
    }

    /** The segment group; each at least as the header says, none 0. */
    public UblkParameters segments(long boundaryMask, int maxSegmentBytes, int maxSegments) {
        MemorySegment group = ublk_params.seg(segment);
        ublk_param_segment.seg_boundary_mask(group, boundaryMask);
        ublk_param_segment.max_segment_size(group, maxSegmentBytes);
        ublk_param_segment.max_segments(group, (short) maxSegments);
        addType(TYPE_SEGMENT);
        return this;
    }

    public int attributes() {
        return ublk_param_basic.attrs(basic);
    }

    public int logicalBlockBytes() {
        return 1 << ublk_param_basic.logical_bs_shift(basic);
    }

    public int physicalBlockBytes() {
        return 1 << ublk_param_basic.physical_bs_shift(basic);
    }

    public int maxSectors() {
        return ublk_param_basic.max_sectors(basic);
    }

    public int chunkSectors() {
        return ublk_param_basic.chunk_sectors(basic);
    }

    public long deviceSectors() {
        return ublk_param_basic.dev_sectors(basic);
    }

    public int maxOpenZones() {
        return ublk_param_zoned.max_open_zones(zoned);
    }

    public int maxActiveZones() {
        return ublk_param_zoned.max_active_zones(zoned);
    }

    public int maxAppendSectors() {
        return ublk_param_zoned.max_zone_append_sectors(zoned);
    }

    /** Of the block device, filled by GET_PARAMS once it is live. */
    public int blockDeviceMajor() {
        return ublk_param_devt.disk_major(devt);
    }

    public int blockDeviceMinor() {
        return ublk_param_devt.disk_minor(devt);
    }

    /** Of the char device, filled by GET_PARAMS. */
    public int charDeviceMajor() {
        return ublk_param_devt.char_major(devt);
    }

    public int charDeviceMinor() {
        return ublk_param_devt.char_minor(devt);
    }
}
