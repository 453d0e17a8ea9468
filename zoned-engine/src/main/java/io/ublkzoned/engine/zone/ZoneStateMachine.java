package io.ublkzoned.engine.zone;

import static io.ublkzoned.engine.zone.ZoneCondition.EMPTY;
import static io.ublkzoned.engine.zone.ZoneCondition.EXPLICIT_OPEN;
import static io.ublkzoned.engine.zone.ZoneCondition.FULL;
import static io.ublkzoned.engine.zone.ZoneCondition.IMPLICIT_OPEN;

import java.util.List;

/**
 * The effect of each operation on one zone. Each operation has a method, which returns 0 or -errno.
 *
 * <p>The data path calls it under the device's lock. An operation that fails changes nothing, with one exception:
 * making room for it may have closed another zone implicitly. As on a drive, a write changes the condition before its
 * data arrives. If the data does not arrive, {@link #rollBack} moves the write pointer back and the condition stays.
 */
public final class ZoneStateMachine {

    private final ZoneTable table;
    private final ZoneResources resources;
    private long resets;

    public ZoneStateMachine(ZoneTable table, DeviceGeometry geometry) {
        this.table = table;
        this.resources = new ZoneResources(table, geometry);
    }

    /**
     * Opens a zone explicitly. A FULL zone fails with -EIO, as in null_blk; the standards would succeed and leave it
     * unchanged.
     */
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

    /** Closes a zone. An EMPTY or FULL zone fails with -EIO, as in null_blk. */
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

    /** Repeats an open that may have been carried out already. A zone that has been filled since stays as it is. */
    public int openAgain(Zone zone) {
        return zone.condition == FULL ? 0 : open(zone);
    }

    /**
     * Repeats a close that may have been carried out already. A zone that the close made EMPTY, or that has been
     * finished since, stays as it is.
     */
    public int closeAgain(Zone zone) {
        return zone.condition == EMPTY || zone.condition == FULL ? 0 : close(zone);
    }

    /**
     * Finishes a zone: makes it FULL and moves its write pointer to its end. No write to the zone may be in flight. An
     * EMPTY or CLOSED zone passes through open and needs room for that.
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

    /** Returns 0 if the condition allows a finish, otherwise -EIO. Does not check the limits. */
    public int checkFinish(Zone zone) {
        return switch (zone.condition) {
            case EMPTY, IMPLICIT_OPEN, EXPLICIT_OPEN, CLOSED, FULL -> 0;
            case NOT_WP, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /**
     * Returns 0 if the condition allows a reset, otherwise -EIO. A reset of the whole device skips the zones that fail
     * this check.
     */
    public int checkReset(Zone zone) {
        return switch (zone.condition) {
            case EMPTY, IMPLICIT_OPEN, EXPLICIT_OPEN, CLOSED, FULL -> 0;
            case NOT_WP, READ_ONLY, OFFLINE -> -BlockErrors.EIO;
        };
    }

    /** Resets a zone that passed {@link #checkReset}: makes it EMPTY. No write to the zone may be in flight. */
    public void reset(Zone zone) {
        zone.writePointerBytes = zone.startBytes();
        table.transition(zone, EMPTY);
        resets++;
    }

    /** Returns the number of zones that have been reset; a reset of all zones counts each. */
    public long resets() {
        return resets;
    }

    /** Returns the number of zones that were closed to make room for another one. */
    public long implicitCloses() {
        return resources.implicitCloses();
    }

    /** Returns 0 if the zone can be read, otherwise -EIO. */
    public int checkRead(Zone zone) {
        return zone.condition == ZoneCondition.OFFLINE ? -BlockErrors.EIO : 0;
    }

    /**
     * Checks that a write of {@code lengthBytes} may start at the write pointer, and opens the zone for it.
     *
     * @param offsetBytes the device address at which the write is to start
     */
    public int openForWrite(Zone zone, long offsetBytes, int lengthBytes) {
        if (offsetBytes != zone.writePointerBytes || lengthBytes > zone.writableEndBytes() - offsetBytes) {
            return -BlockErrors.EIO;
        }
        return switch (zone.condition) {
            case IMPLICIT_OPEN -> {
                resources.markMostRecent(zone);
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

    /** Moves the write pointer past a write that {@link #openForWrite} allowed. */
    public void advance(Zone zone, int lengthBytes) {
        zone.writePointerBytes += lengthBytes;
    }

    /**
     * Makes a zone FULL once all data up to the end of its capacity has arrived. The zone then no longer counts as
     * active.
     */
    public void filled(Zone zone) {
        becomeFull(zone);
    }

    /** Moves the write pointer back to {@code trueWritePointer}, because data above it did not arrive. */
    public void rollBack(Zone zone, long trueWritePointer) {
        zone.writePointerBytes = trueWritePointer;
        if (zone.condition == ZoneCondition.CLOSED && trueWritePointer == zone.startBytes()) {
            table.transition(zone, EMPTY);
        }
    }

    /**
     * Moves the write pointer back to {@code trueWritePointer}, because data above it was lost, and gives the zone its
     * condition after a power cycle: EMPTY, CLOSED or FULL. No write to the zone may be in flight.
     */
    public void powerCycle(Zone zone, long trueWritePointer) {
        zone.writePointerBytes = trueWritePointer;
        table.transition(zone, recovered(zone));
    }

    /**
     * Makes a sequential zone read-only or offline, as on a drive that wears out. The write pointer stays. No write to
     * the zone may be in flight.
     */
    public void fail(Zone zone, ZoneCondition condition) {
        table.transition(zone, condition);
    }

    /** Returns a failed zone to its condition after a power cycle: EMPTY, CLOSED or FULL. */
    public void recover(Zone zone) {
        table.transition(zone, recovered(zone));
    }

    /**
     * Reserves room for the failed zones among these that will be CLOSED after recovery, until {@link #endRecovery}.
     *
     * @return 0, or -EOVERFLOW if the active limit leaves no such room
     */
    public int beginRecovery(List<Zone> zones) {
        int active = (int) zones.stream()
                .filter(zone -> zone.condition.isFailed() && recovered(zone) == ZoneCondition.CLOSED)
                .count();
        return resources.reserveActive(active) ? 0 : -BlockErrors.EOVERFLOW;
    }

    /**
     * Ends the reservation of {@link #beginRecovery}, after the zones have recovered or their recovery was abandoned.
     */
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
