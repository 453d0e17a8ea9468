package io.ublkzoned.engine.zone;

/**
 * The limits of open and active zones. A limit of 0 means unlimited.
 *
 * <p>At the open limit, the implicitly open zone that was written least recently is closed to make room (ZBC-2
 * "implicit close"). This never changes the number of active zones. It is therefore also done at the active limit when
 * a CLOSED zone opens. null_blk refuses in that case, which would stop a writer that keeps to both limits.
 */
final class ZoneResources {

    private final ZoneTable table;
    private final int maxOpen;
    private final int maxActive;

    /** The number of zones that are about to become active. */
    private int reserved;

    private long implicitCloses;

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
            implicitCloses++;
        }
        return 0;
    }

    long implicitCloses() {
        return implicitCloses;
    }

    /**
     * Marks an implicitly open zone as the most recently written one. Does nothing without an open limit: nothing reads
     * the order then, and updating it touches two other zones.
     */
    void markMostRecent(Zone zone) {
        if (maxOpen != 0) {
            table.markMostRecent(zone);
        }
    }

    /**
     * Reserves room for this many more active zones until {@link #endReservation}. Returns false if the limit leaves no
     * such room.
     */
    boolean reserveActive(int zones) {
        boolean hasRoom = maxActive == 0 || table.activeCount() + zones <= maxActive;
        reserved = hasRoom ? zones : 0;
        return hasRoom;
    }

    void endReservation() {
        reserved = 0;
    }

    /** Closes an open zone. It becomes CLOSED if it holds data, otherwise EMPTY. */
    void close(Zone zone) {
        boolean written = zone.writePointerBytes > zone.startBytes();
        table.transition(zone, written ? ZoneCondition.CLOSED : ZoneCondition.EMPTY);
    }
}
