package io.ublkzoned.engine.zone;

/**
 * The limits of open and active zones; 0 is no limit.
 *
 * <p>At the open limit the implicitly open zone that was written least recently is closed to make room (ZBC-2 "implicit
 * close"). That never changes the number of active zones, so it is done for a closed zone too when the active limit is
 * reached; null_blk refuses there, which would stop a writer that keeps to both limits.
 */
final class ZoneResources {

    private final ZoneTable table;
    private final int maxOpen;
    private final int maxActive;

    /** Zones that are about to become active. */
    private int reserved;

    ZoneResources(ZoneTable table, DeviceGeometry geometry) {
        this.table = table;
        this.maxOpen = geometry.maxOpenZones();
        this.maxActive = geometry.maxActiveZones();
    }

    /**
     * Makes room for an EMPTY or CLOSED zone to become open.
     *
     * @return 0, -EOVERFLOW at the active limit, or -ETOOMANYREFS if every open zone is explicitly open
     */
    int makeRoomToOpen(Zone zone) {
        if (maxActive != 0 && !zone.condition.isActive() && table.activeCount() + reserved >= maxActive) {
            return -BlockErrors.EOVERFLOW;
        }
        if (maxOpen != 0 && table.openCount() >= maxOpen) {
            Zone victim = table.leastRecentlyWritten();
            if (victim == null) {
                return -BlockErrors.ETOOMANYREFS;
            }
            close(victim);
        }
        return 0;
    }

    /** An implicitly open zone was written again. Without an open limit nobody asks for the order, which costs two other zones. */
    void written(Zone zone) {
        if (maxOpen != 0) {
            table.written(zone);
        }
    }

    /** Keeps room for so many more active zones, if there is any, until {@link #endReservation}. */
    boolean reserveActive(int zones) {
        boolean hasRoom = maxActive == 0 || table.activeCount() + zones <= maxActive;
        reserved = hasRoom ? zones : 0;
        return hasRoom;
    }

    void endReservation() {
        reserved = 0;
    }

    /** Closes an open zone: CLOSED if it holds data, else EMPTY. */
    void close(Zone zone) {
        boolean written = zone.writePointerBytes > zone.startBytes();
        table.transition(zone, written ? ZoneCondition.CLOSED : ZoneCondition.EMPTY);
    }
}
