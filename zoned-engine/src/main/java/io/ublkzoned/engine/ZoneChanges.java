package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.util.ArrayList;
import java.util.List;

/**
 * Resets and finishes: the requests that need their zones to themselves.
 *
 * <p>A change holds its zones, so that new requests wait, and is done when no data moves in them any more. {@link #add}
 * is called under the device's lock, {@link #run} without it on the metadata thread.
 */
final class ZoneChanges {

    private static final class Change {
        final BlockRequest request;
        final List<ZoneTraffic> zones;
        boolean holding;

        Change(BlockRequest request, List<ZoneTraffic> zones) {
            this.request = request;
            this.zones = zones;
        }

        boolean isFinish() {
            return request.op() == BlockOp.ZONE_FINISH;
        }
    }

    private final DeviceZones zones;
    private final Object lock;
    private final ZoneStateMachine rules;
    private final MetadataWriter metadata;
    private final ZoneMapIo maps;
    private final ReleasedSpace space;
    private final ArrayList<Change> waiting = new ArrayList<>();

    ZoneChanges(DeviceZones zones, Object lock, ZoneStateMachine rules, MetadataWriter metadata, ReleasedSpace space) {
        this.zones = zones;
        this.lock = lock;
        this.rules = rules;
        this.metadata = metadata;
        this.maps = metadata.maps();
        this.space = space;
    }

    /** Queues a reset or finish of these zones. */
    void add(BlockRequest request, List<ZoneTraffic> zones) {
        waiting.add(new Change(request, zones));
        metadata.wakeUp();
    }

    /** Does all changes whose zones are idle, resets with one sync for all; false if there was none. */
    boolean run() {
        List<Change> ready = new ArrayList<>();
        synchronized (lock) {
            waiting.removeIf(change -> hold(change) && ready.add(change));
        }
        if (ready.isEmpty()) {
            return false;
        }
        List<ZoneTraffic> resets = new ArrayList<>();
        for (Change change : ready) {
            if (change.isFinish()) {
                change.request.result = finish(change.zones.getFirst());
            } else {
                resets.addAll(change.zones);
            }
        }
        int resetError = reset(resets);
        synchronized (lock) {
            for (Change change : ready) {
                for (ZoneTraffic zone : change.zones) {
                    zone.held = false;
                    zone.resumeWaiting();
                }
                MetadataWriter.complete(change.request, change.isFinish() ? change.request.result : resetError);
            }
        }
        space.punch();
        return true;
    }

    /** Keeps new requests out of the zones; true once all are idle, false if it has to be tried again. */
    private static boolean hold(Change change) {
        if (!change.holding) {
            if (change.zones.stream().anyMatch(zone -> zone.held)) {
                return false;
            }
            change.zones.forEach(zone -> zone.held = true);
            change.holding = true;
        }
        return change.zones.stream().allMatch(ZoneTraffic::isIdle);
    }

    private int reset(List<ZoneTraffic> zones) {
        int error = 0;
        for (ZoneTraffic zone : zones) {
            error = error == 0 ? maps.load(zone) : error;
        }
        if (error == 0) {
            error = metadata.storeEmpty(zones);
        }
        synchronized (lock) {
            for (ZoneTraffic zone : zones) {
                metadata.markDirty(zone);
                if (error == 0) {
                    zone.completedBytes = zone.zone.startBytes();
                    zone.lastWriteBytes = 0;
                    rules.reset(zone.zone);
                    maps.releaseAhead(zone);
                }
            }
        }
        return error;
    }

    /**
     * What failed writes may have left above the write pointer must not show in a FULL zone. Its clusters there are
     * given up in the file too before it becomes FULL, since recovery does not look for them afterwards.
     */
    private int finish(ZoneTraffic zone) {
        int error = maps.load(zone);
        if (error == 0) {
            error = metadata.clearTail(zone);
        }
        if (error == 0) {
            synchronized (lock) {
                maps.releaseAhead(zone);
            }
            error = maps.store(zone);
        }
        synchronized (lock) {
            if (error == 0 && zone.zone.condition() != ZoneCondition.FULL) {
                error = rules.finish(zone.zone);
                if (error == 0) {
                    zone.completedBytes = zone.zone.endBytes();
                    zone.lastWriteBytes = 0;
                    zones.publish(zone.zone);
                    metadata.markDirty(zone);
                }
            }
        }
        return error;
    }
}
