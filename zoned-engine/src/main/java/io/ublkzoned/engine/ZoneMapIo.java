package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZoneMap;
import java.io.IOException;

/**
 * The transfer of zones' mappings between memory and the L2 tables. It reads a mapping at the zone's first use, and
 * writes changed entries. It belongs to the metadata thread.
 */
final class ZoneMapIo {

    private final PendingWork work;
    private final Qcow2Image image;
    private final ImageFile file;
    private final FailureLog failures;
    private final MapEntries entries;

    ZoneMapIo(DeviceContext context, PendingWork work) {
        this.work = work;
        image = context.image();
        file = context.file();
        failures = context.failures();
        entries = new MapEntries((int) (image.geometry().zoneSizeBytes() >>> image.clusterBits()));
    }

    /**
     * Reads and writes all requested mappings. Returns false if none was requested. {@link MetadataWriter} also calls
     * this during its syncs.
     */
    boolean run() {
        boolean worked = false;
        for (ActiveZone zone = work.takeMap(); zone != null; zone = work.takeMap()) {
            worked = true;
            int error = load(zone);
            if (error == 0) {
                error = store(zone);
            }
            work.mapDone(zone, error);
        }
        return worked;
    }

    /** Reads the zone's mapping if it has not been read. Returns 0 or -errno. */
    int load(ActiveZone zone) {
        if (zone.map != null) {
            return 0;
        }
        try {
            long[] hostClusters = entries.hostClusters;
            image.readMapping((long) zone.zone.index() * hostClusters.length, hostClusters.length, hostClusters);
            ZoneMap map = new ZoneMap(hostClusters, hostClusters.length);
            work.mapRead(zone, hostClusters, map, hasDataAbovePointer(zone, map));
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("reading the mapping", " of zone " + zone.zone.index(), e);
        }
    }

    /** Returns whether the rest of the cluster at the write pointer contains data. */
    private boolean hasDataAbovePointer(ActiveZone zone, ZoneMap map) throws IOException {
        if (zone.zone.isConventional()) {
            return false;
        }
        int shift = image.clusterBits();
        long tail = RequestMapper.tailOffsetBytes(zone, map, shift);
        return tail != ZoneMap.HOLE && file.nextData(tail) < ((tail >>> shift) + 1) << shift;
    }

    /** Writes like {@link #write}, but returns 0 or -errno. */
    int store(ActiveZone zone) {
        try {
            write(zone);
            return 0;
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            return failures.logAndGetErrno("writing the mapping", " of zone " + zone.zone.index(), e);
        }
    }

    /** Writes the zone's L2 entries that are out of date in the file. */
    void write(ActiveZone zone) throws IOException {
        if (!work.takeEntries(zone, entries)) {
            return;
        }
        try {
            long first = (long) zone.zone.index() * entries.hostClusters.length + entries.from;
            image.writeMapping(first, entries.to - entries.from, entries.hostClusters);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            work.entriesFailed(zone, entries);
            throw e;
        }
    }
}
