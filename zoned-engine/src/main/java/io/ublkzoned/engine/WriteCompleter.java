package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneStateMachine;

/**
 * The end of each write: writes of a sequential zone complete in the order of their places, whatever the order in which
 * their data arrived, and fail together behind one that failed. On the data path, under the device's lock.
 */
final class WriteCompleter {

    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final MetadataWriter metadata;
    private final FailureLog failures;

    WriteCompleter(DeviceZones zones, ZoneStateMachine rules, MetadataWriter metadata, FailureLog failures) {
        this.zones = zones;
        this.rules = rules;
        this.metadata = metadata;
        this.failures = failures;
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
        moved.transferred = true;
        boolean movedIsDone = false;
        BlockRequest first = traffic.writes.peek();
        while (first != null && first.transferred) {
            traffic.writes.poll();
            if (first.result > 0) {
                first.result = traffic.failed ? -BlockErrors.EIO : accept(traffic, first);
            }
            traffic.failed |= first.result < 0;
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
            rollBack(traffic);
        }
        return movedIsDone;
    }

    /** The data below the end of this write is all there. Gives its length, or -errno. */
    private int accept(ZoneTraffic traffic, BlockRequest write) {
        long completedBefore = traffic.completedBytes;
        try {
            if (write.op() == BlockOp.ZONE_APPEND) {
                zones.appended(write); // first, since a zone that is filled is published as it becomes FULL
            }
            traffic.completedBytes = write.endBytes();
            traffic.lastWriteBytes = write.lengthBytes();
            if (traffic.completedBytes == traffic.zone.writableEndBytes()) {
                traffic.completedBytes = traffic.zone.endBytes();
                rules.filled(traffic.zone);
            }
            zones.publish(traffic.zone);
            metadata.markDirty(traffic);
            return write.lengthBytes();
        } catch (RuntimeException | VirtualMachineError e) {
            traffic.completedBytes = completedBefore;
            traffic.lastWriteBytes = 0;
            return failures.logAndGetErrno("completing a write", e);
        }
    }

    private void rollBack(ZoneTraffic traffic) {
        try {
            rules.rollBack(traffic.zone, traffic.completedBytes);
        } catch (RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("rolling back a zone", e);
        }
        traffic.failed = false;
        traffic.hasRemains = true;
        traffic.resumeWaiting();
    }
}
