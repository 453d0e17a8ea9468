package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.qcow2.ClusterAllocator;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ZoneMap;

/**
 * The mapping of zones to clusters in memory. It finds the parts of the image that a request covers, allocates clusters
 * for a write, and releases them. It belongs to the data path, under the device's lock.
 */
final class RequestMapper {

    /**
     * The bytes of clusters that a sequential zone gets ahead of its write pointer, so that the image file sees large
     * sequential I/O.
     */
    private static final int SEQUENTIAL_CHUNK_BYTES = 16 << 20;

    /** The bytes of clusters that a random write to a conventional zone gets. */
    private static final int CONVENTIONAL_CHUNK_BYTES = 1 << 20;

    private final ClusterAllocator allocator;
    private final int clusterShift;

    /** Released clusters that the metadata thread has not taken. */
    private RunList released = new RunList();

    RequestMapper(ClusterAllocator allocator, int clusterShift) {
        this.allocator = allocator;
        this.clusterShift = clusterShift;
    }

    /** Maps every cluster of a write to a place in the image. Returns false if no cluster is free. */
    boolean allocate(ActiveZone zone, ZoneMap map, BlockRequest request) {
        long zoneStart = zone.zone.startBytes();
        int cluster = (int) ((request.offsetBytes() - zoneStart) >>> clusterShift);
        int last = (int) ((request.endBytes() - 1 - zoneStart) >>> clusterShift);
        int usable = clustersBelow(zone, zone.zone.writableEndBytes());
        int chunkBytes = zone.zone.isConventional() ? CONVENTIONAL_CHUNK_BYTES : SEQUENTIAL_CHUNK_BYTES;
        int chunk = Math.max(1, chunkBytes >>> clusterShift);
        while (cluster <= last) {
            if (map.find(cluster) == HOLE) {
                int hole = Math.min(map.foundClusters(), usable - cluster);
                if (!allocator.allocate(Math.min(hole, Math.max(chunk, last + 1 - cluster)))) {
                    return false;
                }
                map.map(cluster, allocator.runStart(), allocator.runClusters());
                map.find(cluster);
            }
            cluster += map.foundClusters();
        }
        return true;
    }

    /** Adds the request's parts up to {@code endBytes}, following the map. */
    void addParts(ActiveZone zone, ZoneMap map, BlockRequest request, long endBytes) {
        long at = request.offsetBytes() - zone.zone.startBytes();
        long end = endBytes - zone.zone.startBytes();
        long inCluster = at & ((1L << clusterShift) - 1);
        while (at < end) {
            long host = map.find((int) (at >>> clusterShift));
            int length = (int) Math.min(end - at, ((long) map.foundClusters() << clusterShift) - inCluster);
            request.addPart(host == HOLE ? HOLE : (host << clusterShift) + inCluster, length);
            at += length;
            inCluster = 0;
        }
    }

    /**
     * Hands a zone the mapping that the L2 tables have.
     *
     * @param hostClusters the host cluster of each of its clusters, or {@link ZoneMap#HOLE}
     * @param map the same as a map
     */
    void adopt(ActiveZone zone, long[] hostClusters, ZoneMap map) throws ImageFormatException {
        assert zone.map == null : "read twice: " + zone.zone.index();
        int clusters = hostClusters.length;
        allocator.adopt((long) zone.zone.index() * clusters, hostClusters, clusters);
        zone.map = map;
    }

    /**
     * Releases the clusters that a sequential zone has above its write pointer.
     *
     * @return whether the zone has entries that are out of date in the file
     */
    boolean releaseAhead(ActiveZone zone) {
        ZoneMap map = zone.map;
        if (map == null || zone.zone.isConventional()) {
            return false;
        }
        map.truncate(clustersBelow(zone, zone.completedBytes), this::release);
        return map.isStale();
    }

    void release(long firstCluster, int count) {
        released.add(firstCluster, count);
    }

    boolean hasReleased() {
        return !released.isEmpty();
    }

    /** Takes the released clusters. */
    RunList takeReleased() {
        RunList taken = released;
        released = new RunList(); // even if it is empty, because the caller keeps it without the lock
        return taken;
    }

    /**
     * Returns the offset of the write pointer in the image file, or {@link ZoneMap#HOLE} if it is at the start of a
     * cluster or in a hole.
     */
    long tailOffsetBytes(ActiveZone zone) {
        ZoneMap map = zone.map;
        return map == null ? HOLE : tailOffsetBytes(zone, map, clusterShift);
    }

    /** Returns the same as {@link #tailOffsetBytes(ActiveZone)}, for a map that the zone does not have yet. */
    static long tailOffsetBytes(ActiveZone zone, ZoneMap map, int clusterShift) {
        long inCluster = zone.completedBytes & ((1L << clusterShift) - 1);
        if (inCluster == 0) {
            return HOLE;
        }
        long host = map.find((int) ((zone.completedBytes - zone.zone.startBytes()) >>> clusterShift));
        return host == HOLE ? HOLE : (host << clusterShift) + inCluster;
    }

    /** Returns the number of clusters of the zone that begin below a device address. */
    private int clustersBelow(ActiveZone zone, long endBytes) {
        long bytes = Math.min(endBytes, zone.zone.writableEndBytes()) - zone.zone.startBytes();
        return (int) ((bytes + (1L << clusterShift) - 1) >>> clusterShift);
    }
}
