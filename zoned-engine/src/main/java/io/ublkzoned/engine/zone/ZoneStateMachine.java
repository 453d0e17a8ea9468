package io.ublkzoned.engine.zone;

import static io.ublkzoned.engine.zone.ZoneCondition.EMPTY;
import static io.ublkzoned.engine.zone.ZoneCondition.EXPLICIT_OPEN;
import static io.ublkzoned.engine.zone.ZoneCondition.FULL;
import static io.ublkzoned.engine.zone.ZoneCondition.IMPLICIT_OPEN;

import java.util.List;

/**
 * What each operation does to one zone: a method an operation, each returning 0 or -errno.
 *
 * <p>On the data path, under the device's lock. An operation that fails changes nothing, except that room made for it
 * may have closed another zone implicitly. As on a drive, a write changes the condition before its data is there; if the
 * data does not arrive, {@link #rollBack} moves the write pointer back and the condition stays.
 */
public final class ZoneStateMachine {

    private final ZoneTable table;
    private final ZoneResources resources;

    public ZoneStateMachine(ZoneTable table, DeviceGeometry geometry) {
        this.table = table;
        this.resources = new ZoneResources(table, geometry);
    }

    /** Explicit open. Of a FULL zone: -EIO, as null_blk; the standards would let it pass unchanged. */
    public int open(Zone zone) {
        return switch (zone.condition) {
            case EXPLICIT_OPEN -> 0;
            case IMPLICIT_OPEN -> {
                table.transition(zone, EXPLICIT_OPEN);
                yield 0;
            }
            case EMPTY, CLOSED -> {
                int error = resources.makeRoomToOpen(zone);
                if (error == 0) {
                    table.transition(zone, EXPLICIT_OPEN);
                }
                yield error;
            }
            case NOT_WP, FULL, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Close. Of an EMPTY or FULL zone: -EIO, as null_blk. */
    public int close(Zone zone) {
        return switch (zone.condition) {
            case CLOSED -> 0;
            case IMPLICIT_OPEN, EXPLICIT_OPEN -> {
                resources.close(zone);
                yield 0;
            }
            case NOT_WP, EMPTY, FULL, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Open that may have been carried out already: a zone that has been filled since stays as it is. */
    public int openAgain(Zone zone) {
        return zone.condition == FULL ? 0 : open(zone);
    }

    /** Close that may have been carried out already: a zone that is EMPTY by that, or has been finished since, stays as it is. */
    public int closeAgain(Zone zone) {
        return zone.condition == EMPTY || zone.condition == FULL ? 0 : close(zone);
    }

    /**
     * Finish: the zone is FULL and its write pointer at its end. No write of the zone may be on its way. An EMPTY or
     * CLOSED zone passes through open, and needs room for it.
     */
    public int finish(Zone zone) {
        int error = switch (zone.condition) {
            case FULL, IMPLICIT_OPEN, EXPLICIT_OPEN -> 0;
            case EMPTY, CLOSED -> resources.makeRoomToOpen(zone);
            case NOT_WP, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
        if (error == 0 && zone.condition != FULL) {
            becomeFull(zone);
        }
        return error;
    }

    /** Whether the zone can be finished, if resources allow it: 0 or -EIO. */
    public int checkFinish(Zone zone) {
        return switch (zone.condition) {
            case EMPTY, IMPLICIT_OPEN, EXPLICIT_OPEN, CLOSED, FULL -> 0;
            case NOT_WP, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Whether a reset of the zone is allowed: 0 or -EIO. A reset of the whole device passes over the others. */
    public int checkReset(Zone zone) {
        return switch (zone.condition) {
            case EMPTY, IMPLICIT_OPEN, EXPLICIT_OPEN, CLOSED, FULL -> 0;
            case NOT_WP, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Reset, once {@link #checkReset} allows it: EMPTY, and nothing of it is left. No write may be on its way. */
    public void reset(Zone zone) {
        zone.writePointerBytes = zone.startBytes();
        table.transition(zone, EMPTY);
    }

    /** Whether the zone can be read: 0 or -EIO. */
    public int checkRead(Zone zone) {
        return zone.condition == ZoneCondition.OFFLINE ? -BlockErrors.EIO : 0;
    }

    /**
     * Whether a write of {@code lengthBytes} may start at the write pointer, and opens the zone for it.
     *
     * @param offsetBytes where the write is to start
     */
    public int openForWrite(Zone zone, long offsetBytes, int lengthBytes) {
        if (offsetBytes != zone.writePointerBytes || lengthBytes > zone.writableEndBytes() - offsetBytes) {
            return -BlockErrors.EIO;
        }
        return switch (zone.condition) {
            case IMPLICIT_OPEN -> {
                resources.written(zone);
                yield 0;
            }
            case EXPLICIT_OPEN -> 0;
            case EMPTY, CLOSED -> {
                int error = resources.makeRoomToOpen(zone);
                if (error == 0) {
                    table.transition(zone, IMPLICIT_OPEN);
                }
                yield error;
            }
            case NOT_WP, FULL, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Reserves the bytes of a write that {@link #openForWrite} allowed. */
    public void advance(Zone zone, int lengthBytes) {
        zone.writePointerBytes += lengthBytes;
    }

    /** All data up to the end of the capacity has arrived: the zone is FULL and leaves its slot. */
    public void filled(Zone zone) {
        becomeFull(zone);
    }

    /** Data above {@code trueWritePointer} did not arrive. */
    public void rollBack(Zone zone, long trueWritePointer) {
        zone.writePointerBytes = trueWritePointer;
        if (zone.condition == ZoneCondition.CLOSED && trueWritePointer == zone.startBytes()) {
            table.transition(zone, EMPTY);
        }
    }

    /** A sequential zone wears out: read-only or offline. Its write pointer stays. No write of it may be on its way. */
    public void fail(Zone zone, ZoneCondition condition) {
        table.transition(zone, condition);
    }

    /** A zone that had failed is as after a power cycle: EMPTY, CLOSED or FULL. */
    public void recover(Zone zone) {
        table.transition(zone, recovered(zone));
    }

    /**
     * Keeps room for these zones to be CLOSED, if they had failed with data, until {@link #endRecovery}.
     *
     * @return 0, or -EOVERFLOW if there is none
     */
    public int beginRecovery(List<Zone> zones) {
        int active = (int) zones.stream()
                .filter(zone -> zone.condition.isFailed() && recovered(zone) == ZoneCondition.CLOSED)
                .count();
        return resources.reserveActive(active) ? 0 : -BlockErrors.EOVERFLOW;
    }

    /** The zones have recovered, or will not. */
    public void endRecovery() {
        resources.endReservation();
    }

    private static ZoneCondition recovered(Zone zone) {
        if (zone.writePointerBytes == zone.startBytes()) {
            return EMPTY;
        }
        return zone.writePointerBytes < zone.writableEndBytes() ? ZoneCondition.CLOSED : FULL;
    }

    private void becomeFull(Zone zone) {
        zone.writePointerBytes = zone.endBytes();
        table.transition(zone, FULL);
    }
}
