package io.ublkzoned.backend.ublk;

import static io.ublkzoned.engine.zone.DeviceGeometry.SECTOR_SHIFT;

import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.engine.ZoneVisitor;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.lang.foreign.MemorySegment;

/**
 * The encoder of zones as the kernel's {@code struct blk_zone}, in sectors of 512 bytes. The thread of one queue uses
 * it.
 *
 * <p>The write pointer of a read-only or offline zone is not valid (block/blk-zoned.c). It is reported as all ones, as
 * null_blk does. The engine keeps the real one for the recovery of the zone.
 */
final class ZoneReportEncoder implements ZoneVisitor {

    private static final long NO_WRITE_POINTER = -1;

    private final ZonedDevice device;
    private final long zoneSectors;
    private MemorySegment target = MemorySegment.NULL;
    private int filled;

    ZoneReportEncoder(ZonedDevice device) {
        this.device = device;
        zoneSectors = device.geometry().zoneSizeBytes() >>> SECTOR_SHIFT;
    }

    /**
     * Fills {@code buffer} with up to {@code count} zones: those that exist and fit.
     *
     * @param startSector in the first zone to report
     * @return bytes filled
     */
    long encode(long startSector, int count, MemorySegment buffer) {
        DeviceGeometry geometry = device.geometry();
        long first = startSector / zoneSectors;
        if (first < 0 || first >= geometry.zoneCount()) {
            return 0;
        }
        int fitting = (int) Math.min(count, buffer.byteSize() / BlkZone.BYTES);
        target = buffer;
        filled = 0;
        device.report((int) first, Math.min(fitting, geometry.zoneCount() - (int) first), this);
        return (long) filled * BlkZone.BYTES;
    }

    @Override
    public void zone(int index, long startBytes, long capacityBytes, long writePointerBytes, ZoneCondition condition) {
        int type = condition == ZoneCondition.NOT_WP ? BlkZone.TYPE_CONVENTIONAL : BlkZone.TYPE_SEQWRITE_REQ;
        BlkZone.set(
                target,
                filled++,
                startBytes >>> SECTOR_SHIFT,
                zoneSectors,
                condition.isFailed() ? NO_WRITE_POINTER : writePointerBytes >>> SECTOR_SHIFT,
                type,
                condition.code(),
                capacityBytes >>> SECTOR_SHIFT);
    }
}
