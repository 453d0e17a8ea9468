package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneStateMachine;

/**
 * The end of each write. Writes of a sequential zone complete in the order of their places, no matter in which order
 * their data arrives. After a failed write, the writes behind it fail too. It belongs to the data path, under the
 * device's lock.
 */
final class WriteCompleter {

    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final PendingWork work;
    private final Recorder recorder;
    private final FailureLog failures;

    WriteCompleter(
            DeviceZones zones, ZoneStateMachine rules, PendingWork work, Recorder recorder, FailureLog failures) {
        this.zones = zones;
        this.rules = rules;
        this.work = work;
        this.recorder = recorder;
        this.failures = failures;
    }

    /**
     * Ends a write whose data was moved or failed to move.
     *
     * @return whether the write is done. This runs on its queue's thread, so the caller completes it
     */
    boolean endWrite(ActiveZone zone, BlockRequest request) {
        if (zone.zone.isConventional()) {
            work.dataWritten();
            if (request.result > 0) {
                recorder.wrote(request);
            }
            return acknowledge(request);
        }
        return completeWrites(zone, request);
    }

    /**
     * Acknowledges a write whose data has arrived. Returns whether it is done now; otherwise it completes after a
     * flush.
     */
    private boolean acknowledge(BlockRequest request) {
        if (request.forceUnitAccess() && request.result > 0) {
            work.flushThenComplete(request);
            return false;
        }
        return true;
    }

    /**
     * Completes the writes of a sequential zone whose predecessors have all completed.
     *
     * @param arrived the write whose data has just arrived, on whose thread this runs
     * @return whether that write is among them and done
     */
    private boolean completeWrites(ActiveZone active, BlockRequest arrived) {
        arrived.transferred = true;
        boolean arrivedIsDone = false;
        BlockRequest first = active.writes.peek();
        while (first != null && first.transferred) {
            active.writes.poll();
            if (first.result > 0) {
                first.result = active.failed ? -BlockErrors.EIO : accept(active, first);
            }
            active.failed |= first.result < 0;
            boolean done = acknowledge(first);
            if (first == arrived) {
                arrivedIsDone = done;
            } else if (done) {
                first.complete(first.result);
            }
            first = active.writes.peek();
        }
        if (active.failed && first == null) {
            rollBack(active);
        }
        return arrivedIsDone;
    }

    /** Accepts a write, because all data below its end has arrived. Returns its length, or -errno. */
    private int accept(ActiveZone active, BlockRequest write) {
        long completedBefore = active.completedBytes;
        try {
            if (write.op() == BlockOp.ZONE_APPEND) {
                zones.recordAppend(write); // first, because a zone that is filled is published when it becomes FULL
            }
            active.completedBytes = write.endBytes();
            active.lastWriteBytes = write.lengthBytes();
            if (active.completedBytes == active.zone.writableEndBytes()) {
                active.completedBytes = active.zone.endBytes();
                rules.filled(active.zone);
            }
            zones.publish(active.zone);
            work.markDirty(active);
            recorder.wrote(write);
            return write.lengthBytes();
        } catch (RuntimeException | VirtualMachineError e) {
            active.completedBytes = completedBefore;
            active.lastWriteBytes = 0;
            return failures.logAndGetErrno("completing a write", e);
        }
    }

    private void rollBack(ActiveZone active) {
        try {
            rules.rollBack(active.zone, active.completedBytes);
        } catch (RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("rolling back a zone", e);
        }
        active.failed = false;
        active.hasRemains = true;
        active.resumeWaiting();
    }
}
