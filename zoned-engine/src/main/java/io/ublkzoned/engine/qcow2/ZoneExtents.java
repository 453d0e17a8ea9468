package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import java.util.HashMap;
import java.util.Map;

/**
 * The extent of the mappings in each zone whose write pointer is invalid. From it follows a write pointer that
 * certainly has no unwritten byte below it.
 */
final class ZoneExtents {

    /** The result if no write pointer is certainly right. */
    static final long UNKNOWN = -1;

    private final PartialImage image;
    private final DeviceGeometry geometry;
    private final Map<Integer, Extent> extents = new HashMap<>();

    private static final class Extent {
        long clusters;
        long endCluster;
    }

    ZoneExtents(PartialImage image, DeviceGeometry geometry) {
        this.image = image;
        this.geometry = geometry;
    }

    /** Adds a guest cluster that has an L2 entry. Clusters must be added in ascending order. */
    void add(long guestCluster) {
        long offset = guestCluster << image.header().clusterBits();
        if (offset < geometry.sizeBytes() && image.unsoundZones().get(geometry.zoneIndex(offset))) {
            Extent extent = extents.computeIfAbsent(geometry.zoneIndex(offset), zone -> new Extent());
            extent.clusters++;
            extent.endCluster = guestCluster + 1;
        }
    }

    /**
     * Returns the write pointer that a zone can be given, or {@link #UNKNOWN}.
     *
     * <p>A zone without clusters was never written, or its data is lost anyway. In a zone with clusters, a write
     * pointer within a sector is moved back to the start of the sector, if that is in the last cluster of an unbroken
     * mapping. The entry of a conventional zone is only its start and a flag, so only the flag can be missing.
     */
    long pointerOf(int zone, long pointer) {
        long start = geometry.zoneStart(zone);
        Extent extent = extents.get(zone);
        if (extent == null || (geometry.isConventional(zone) && pointer == start)) {
            return start;
        }
        int clusterBits = image.header().clusterBits();
        long sector = pointer - pointer % DeviceGeometry.SECTOR_BYTES;
        long clustersBelow = HostLayout.ceilShift(sector - start, clusterBits);
        boolean likely = !geometry.isConventional(zone)
                && sector > start
                && sector - start <= geometry.zoneCapacityBytes(zone)
                && extent.clusters == clustersBelow
                && extent.endCluster == (start >>> clusterBits) + clustersBelow;
        return likely ? sector : UNKNOWN;
    }
}
