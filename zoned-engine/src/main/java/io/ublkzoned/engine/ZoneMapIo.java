package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZoneMap;
import java.io.IOException;
import java.util.ArrayDeque;

/**
 * Moves the mappings of zones between memory and the L2 tables: reads one at the zone's first touch, writes what has
 * changed.
 *
 * <p>{@link #want} and {@link #releaseAhead} are called under the device's lock; the rest without it by the metadata thread.
 */
final class ZoneMapIo {

    private final RequestMapper mapper;
    private final Object lock;
    private final Qcow2Image image;
    private final ImageFile file;
    private final FailureLog failures;
    private final ReleasedSpace space;
    private final MetadataWriter metadata;

    /** Under the lock. */
    private final ArrayDeque<ZoneTraffic> wanted = new ArrayDeque<>();

    /** Of the metadata thread. */
    private final long[] hostClusters;

    ZoneMapIo(DeviceContext context, RequestMapper mapper, ReleasedSpace space, MetadataWriter metadata) {
        this.mapper = mapper;
        lock = context.lock();
        image = context.image();
        file = context.file();
        failures = context.failures();
        this.space = space;
        this.metadata = metadata;
        hostClusters = new long[(int) (image.geometry().zoneSizeBytes() >>> image.clusterBits())];
    }

    /** Has the zone's mapping read, or written where the file does not have it, and then its waiting requests started. */
    void want(ZoneTraffic zone) {
        if (!zone.mapPending) {
            zone.mapPending = true;
            wanted.add(zone);
            metadata.wakeUp();
        }
    }

    /** Gives up the clusters that a sequential zone has above its write pointer. */
    void releaseAhead(ZoneTraffic zone) {
        if (zone.map != null && !zone.zone.isConventional()) {
            zone.map.truncate(mapper.clustersBelow(zone, zone.completedBytes), space::release);
            if (zone.map.isStale()) {
                metadata.markDirty(zone);
            }
        }
    }

    /** Reads and writes all mappings that are wanted; false if there was none. */
    boolean run() {
        boolean worked = false;
        while (true) {
            ZoneTraffic zone;
            synchronized (lock) {
                zone = wanted.poll();
            }
            if (zone == null) {
                return worked;
            }
            worked = true;
            int error = load(zone);
            if (error == 0) {
                error = store(zone);
            }
            synchronized (lock) {
                zone.mapPending = false;
                if (error == 0) {
                    zone.resumeWaiting();
                } else {
                    MetadataWriter.completeAll(zone.waiting, error);
                }
            }
        }
    }

    /** Reads the zone's mapping if it has not been read; 0 or -errno. */
    int load(ZoneTraffic zone) {
        if (zone.map != null) {
            return 0;
        }
        try {
            int clusters = hostClusters.length;
            long first = (long) zone.zone.index() * clusters;
            image.readMapping(first, clusters, hostClusters);
            boolean hasRemains = hasDataAbovePointer(zone);
            synchronized (lock) {
                zone.hasRemains |= hasRemains;
                image.allocator().adopt(first, hostClusters, clusters);
                zone.map = new ZoneMap(hostClusters, clusters);
                releaseAhead(zone);
            }
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("reading the mapping", " of zone " + zone.zone.index(), e);
        }
    }

    /** Whether there is data in the rest of the cluster in which the write pointer stands. */
    private boolean hasDataAbovePointer(ZoneTraffic zone) throws IOException {
        int shift = image.clusterBits();
        long inCluster = zone.completedBytes & ((1L << shift) - 1);
        if (inCluster == 0 || zone.zone.isConventional()) {
            return false;
        }
        long host = hostClusters[(int) ((zone.completedBytes - zone.zone.startBytes()) >>> shift)];
        return host != ZoneMap.HOLE && file.nextData((host << shift) + inCluster) < (host + 1) << shift;
    }

    /** {@link #write} that gives 0 or -errno. */
    int store(ZoneTraffic zone) {
        try {
            write(zone);
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("writing the mapping", " of zone " + zone.zone.index(), e);
        }
    }

    /** Writes the zone's L2 entries that the file does not have. */
    void write(ZoneTraffic zone) throws IOException {
        int from;
        int to;
        synchronized (lock) {
            ZoneMap map = zone.map;
            if (map == null || !map.isStale()) {
                return;
            }
            from = map.staleFrom();
            to = map.staleEnd();
            map.entries(from, to, hostClusters);
            map.markWritten();
        }
        try {
            image.writeMapping((long) zone.zone.index() * hostClusters.length + from, to - from, hostClusters);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            markStale(zone, from, to);
            throw e;
        }
    }

    private void markStale(ZoneTraffic zone, int from, int to) {
        synchronized (lock) {
            if (zone.map != null) {
                zone.map.markStale(from, to);
                metadata.markDirty(zone);
            }
        }
    }
}
