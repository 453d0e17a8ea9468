package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import java.util.HashMap;
import java.util.Map;

/**
 * How far the zones whose write pointer cannot be right are mapped. From that, a write pointer can be found that is sure
 * to have no unwritten byte below it.
 */
final class ZoneExtents {

    /** There is no write pointer that is sure to be right. */
    static final long UNKNOWN = -1;

    private final ReadableImage image;
    private final DeviceGeometry geometry;
    private final Map<Integer, Extent> extents = new HashMap<>();

    private static final class Extent {
        long clusters;
        long endCluster;
    }

    ZoneExtents(ReadableImage image, DeviceGeometry geometry) {
        this.image = image;
        this.geometry = geometry;
    }

    /** A guest cluster, in ascending order, has an entry. */
    void add(long guestCluster) {
        long offset = guestCluster << image.header().clusterBits();
        if (offset < geometry.sizeBytes() && image.unsoundZones().get(geometry.zoneIndex(offset))) {
            Extent extent = extents.computeIfAbsent(geometry.zoneIndex(offset), zone -> new Extent());
            extent.clusters++;
            extent.endCluster = guestCluster + 1;
        }
    }

    /**
     * The write pointer that a zone can be given, or {@link #UNKNOWN}.
     *
     * <p>A zone without clusters was never written, or everything in it is lost anyhow. Of one with clusters, a write
     * pointer within a sector is taken back to its start, if that is in the last cluster of an unbroken mapping. The
     * entry of a conventional zone is no more than its start with a flag, so only the flag can be missing.
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
