package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneStateMachine;

/**
 * The end of each write: writes of a sequential zone complete in the order of their places, whatever the order in which
 * their data arrived, and fail together behind one that failed. On the data path, under the device's lock.
 */
final class WriteCompleter {

    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final MetadataWriter metadata;

    WriteCompleter(DeviceZones zones, ZoneStateMachine rules, MetadataWriter metadata) {
        this.zones = zones;
        this.rules = rules;
        this.metadata = metadata;
    }

    /** The data of a write has moved, or failed to; true if the write is done, on whose thread this runs. */
    boolean moved(ZoneTraffic zone, BlockRequest request) {
        metadata.dataWritten();
        return zone.zone.isConventional() ? acknowledge(request) : completeWrites(zone, request);
    }

    /** A write whose data is there: done at once, or after a flush. */
    private boolean acknowledge(BlockRequest request) {
        if (request.forceUnitAccess() && request.result > 0) {
            metadata.flushThenComplete(request);
            return false;
        }
        return true;
    }

    /**
     * Completes the writes of a sequential zone whose predecessors have all completed.
     *
     * @param moved the write whose data has just moved, on whose thread this runs
     * @return whether it is among them and done
     */
    private boolean completeWrites(ZoneTraffic traffic, BlockRequest moved) {
        Zone zone = traffic.zone;
        moved.transferred = true;
        boolean movedIsDone = false;
        BlockRequest first = traffic.writes.peek();
        while (first != null && first.transferred) {
            traffic.writes.poll();
            if (first.result > 0 && !traffic.failed) {
                traffic.completedBytes = first.endBytes();
                traffic.lastWriteBytes = first.lengthBytes();
                if (traffic.completedBytes == zone.writableEndBytes()) {
                    traffic.completedBytes = zone.endBytes();
                    rules.filled(zone);
                }
                if (first.op() == BlockOp.ZONE_APPEND) {
                    zones.appended(first);
                }
                zones.publish(zone);
                metadata.markDirty(traffic);
            } else {
                traffic.failed = true;
                first.result = first.result > 0 ? -BlockErrors.EIO : first.result;
            }
            boolean done = acknowledge(first);
            if (first == moved) {
                movedIsDone = done;
            } else if (done) {
                first.step = BlockRequest.Step.COMPLETE;
                first.queue().handOver(first);
            }
            first = traffic.writes.peek();
        }
        if (traffic.failed && first == null) {
            rules.rollBack(zone, traffic.completedBytes);
            traffic.failed = false;
            traffic.resumeWaiting();
        }
        return movedIsDone;
    }
}
