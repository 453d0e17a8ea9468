package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.BlockRequest.Repeat;
import io.ublkzoned.engine.fault.FaultOutcome;
import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.util.ArrayList;
import java.util.List;

/**
 * The start of each request. It checks the zone rules, then finds the request's place in the image or waits for a
 * missing resource. It belongs to the data path, under the device's lock.
 */
final class RequestStarter {

    // The outcomes of a start, in addition to 0 and -errno.
    static final int TRANSFER = Integer.MIN_VALUE;
    static final int WAITING = Integer.MIN_VALUE + 1;

    private final DeviceGeometry geometry;
    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final RequestMapper mapper;
    private final PendingWork work;
    private final Recorder recorder;

    RequestStarter(
            DeviceGeometry geometry,
            DeviceZones zones,
            ZoneStateMachine rules,
            RequestMapper mapper,
            PendingWork work,
            Recorder recorder) {
        this.geometry = geometry;
        this.zones = zones;
        this.rules = rules;
        this.mapper = mapper;
        this.work = work;
        this.recorder = recorder;
    }

    /** Starts a request. Returns 0 or -errno if it is done, otherwise {@link #TRANSFER} or {@link #WAITING}. */
    int start(BlockRequest request) {
        if (request.repeat == Repeat.POSSIBLE && !canBeRepeat(request)) {
            markNoRepeat(request);
        }
        if (request.op() == BlockOp.FLUSH) {
            recorder.flushStarts(request);
            return work.awaitFlush(request) ? WAITING : 0;
        }
        if (request.op() == BlockOp.ZONE_RESET_ALL) {
            return startResetAll(request);
        }
        long offset = request.offsetBytes();
        int length = request.lengthBytes();
        if (!geometry.contains(offset) || length < 0) {
            return -BlockErrors.EIO;
        }
        if (length == 0 && request.op().movesData()) {
            return -BlockErrors.EIO;
        }
        ActiveZone zone = zones.at(offset);
        if (length > zone.zone.endBytes() - offset) {
            return -BlockErrors.EIO;
        }
        if (zone.isHeld()) {
            return await(zone, request);
        }
        return switch (request.op()) {
            case READ -> startRead(zone, request);
            case WRITE ->
                zone.zone.isConventional() ? startConventionalWrite(zone, request) : startWrite(zone, request);
            case ZONE_APPEND -> startAppend(zone, request);
            case ZONE_OPEN -> startOpen(zone, request);
            case ZONE_CLOSE -> startClose(zone, request);
            case ZONE_FINISH -> startFinish(zone, request);
            case ZONE_RESET -> startReset(zone, request);
            case FLUSH, ZONE_RESET_ALL -> throw new IllegalStateException("not an operation on one zone");
        };
    }

    /**
     * Returns whether the last server may have carried out this request already, and carrying it out again would
     * differ.
     */
    private boolean canBeRepeat(BlockRequest request) {
        return zones.isResumed()
                && switch (request.op()) {
                    case ZONE_APPEND, ZONE_OPEN, ZONE_CLOSE -> true;
                    case READ, WRITE, FLUSH, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL -> false;
                };
    }

    private static int await(ActiveZone zone, BlockRequest request) {
        zone.waiting.add(request);
        return WAITING;
    }

    private int startRead(ActiveZone zone, BlockRequest request) {
        int error = rules.checkRead(zone.zone);
        if (error != 0) {
            return error;
        }
        long readable = Math.min(request.endBytes(), zone.completedBytes);
        request.partCount = 0;
        if (readable > request.offsetBytes()) {
            ZoneMap map = zone.map;
            if (map == null) {
                return awaitMap(zone, request);
            }
            mapper.addParts(zone, map, request, readable);
        }
        long written = Math.max(readable, request.offsetBytes());
        if (written < request.endBytes()) {
            request.addPart(HOLE, (int) (request.endBytes() - written));
        }
        return TRANSFER;
    }

    private int startConventionalWrite(ActiveZone zone, BlockRequest request) {
        ZoneMap map = zone.map;
        if (map == null) {
            return awaitMap(zone, request);
        }
        request.journaled = zones.journal().isOn();
        return mapAndTransfer(zone, map, request);
    }

    private int startAppend(ActiveZone zone, BlockRequest request) {
        if (zone.zone.isConventional()) {
            return -BlockErrors.EIO;
        }
        if (zone.failed) {
            return await(zone, request);
        }
        ZoneMap map = zone.map;
        if (map == null) {
            return awaitMap(zone, request);
        }
        if (request.repeat == Repeat.POSSIBLE) {
            long place = zones.earlierPlace(zone, request);
            if (place >= 0) {
                return startComparison(zone, map, request, place);
            }
            markNoRepeat(request);
        }
        request.place(zone.zone.writePointerBytes());
        return startWrite(zone, request);
    }

    private int startComparison(ActiveZone zone, ZoneMap map, BlockRequest append, long place) {
        append.place(place);
        append.repeat = Repeat.COMPARING;
        append.partCount = 0;
        mapper.addParts(zone, map, append, append.endBytes());
        return TRANSFER;
    }

    /**
     * Ends the comparison of a repeated append. If its data is at the earlier place, the append completes with that
     * place. If other data is there, the append starts as a new one. If the comparison failed, the append fails;
     * otherwise it might be carried out twice.
     */
    int endComparison(BlockRequest append) {
        if (append.repeat == Repeat.COMPARING && append.result > 0) {
            append.repeat = Repeat.NO;
            return acknowledgeRepeated(append);
        }
        boolean isNew = append.repeat == Repeat.DIFFERENT;
        markNoRepeat(append);
        if (!isNew) {
            return append.result;
        }
        append.result = 0;
        return start(append);
    }

    private void markNoRepeat(BlockRequest request) {
        request.repeat = Repeat.NO;
        zones.forgetAppend(request);
    }

    /**
     * Forgets what the last server may have done for a request that is not started. Otherwise a later request of its
     * slot or zone could be taken for it.
     */
    void forgetRepeat(BlockRequest request) {
        markNoRepeat(request);
        if (request.op() == BlockOp.WRITE && geometry.contains(request.offsetBytes())) {
            zones.at(request.offsetBytes()).lastWriteMayRepeat = false;
        }
    }

    private int acknowledgeRepeated(BlockRequest write) {
        return write.forceUnitAccess() && work.awaitFlush(write) ? WAITING : write.lengthBytes();
    }

    private int startWrite(ActiveZone zone, BlockRequest request) {
        if (zone.failed) {
            return await(zone, request);
        }
        if (isRepeated(zone, request)) {
            return acknowledgeRepeated(request);
        }
        ZoneMap map = zone.map;
        if (map == null) {
            return awaitMap(zone, request);
        }
        int error = rules.openForWrite(zone.zone, request.offsetBytes(), request.lengthBytes());
        if (error != 0) {
            return error;
        }
        int outcome = mapAndTransfer(zone, map, request);
        if (outcome == TRANSFER) {
            rules.advance(zone.zone, request.lengthBytes());
            zone.writes.add(request);
        }
        return outcome;
    }

    /**
     * Returns whether this is the zone's last write again, whose data is in the image. Only the first write after the
     * server's death can be.
     */
    private static boolean isRepeated(ActiveZone zone, BlockRequest request) {
        if (!zone.lastWriteMayRepeat) {
            return false;
        }
        zone.lastWriteMayRepeat = false;
        long end = Math.min(zone.completedBytes, zone.zone.writableEndBytes());
        return request.lengthBytes() == zone.lastWriteBytes && request.endBytes() == end;
    }

    private int mapAndTransfer(ActiveZone zone, ZoneMap map, BlockRequest request) {
        if (!mapper.allocate(zone, map, request)) {
            if (map.isStale()) {
                work.markDirty(zone); // some of its clusters were allocated
            }
            return work.awaitSpace(zone) ? await(zone, request) : -BlockErrors.ENOSPC;
        }
        if (map.isStale() || zone.mapPending) {
            // Acknowledged data must be found after the death of this process, so data waits for its mapping.
            return awaitMap(zone, request);
        }
        request.partCount = 0;
        mapper.addParts(zone, map, request, request.endBytes());
        return TRANSFER;
    }

    private int awaitMap(ActiveZone zone, BlockRequest request) {
        work.awaitMap(zone);
        return await(zone, request);
    }

    private int startOpen(ActiveZone zone, BlockRequest request) {
        if (request.repeat == Repeat.POSSIBLE) {
            markNoRepeat(request);
            return rules.openAgain(zone.zone);
        }
        return rules.open(zone.zone);
    }

    private int startClose(ActiveZone zone, BlockRequest request) {
        if (request.repeat == Repeat.POSSIBLE) {
            markNoRepeat(request);
            return rules.closeAgain(zone.zone);
        }
        return rules.close(zone.zone);
    }

    private int startFinish(ActiveZone zone, BlockRequest request) {
        if (zone.zone.isConventional()) {
            return -BlockErrors.EIO;
        }
        if (zone.zone.condition() == ZoneCondition.FULL) {
            return 0;
        }
        work.add(new ZoneChange.Finish(request, zone));
        return WAITING;
    }

    private int startReset(ActiveZone zone, BlockRequest request) {
        int error = rules.checkReset(zone.zone);
        if (error != 0) {
            return error;
        }
        if (zone.zone.condition() == ZoneCondition.EMPTY && zone.isIdle()) {
            return 0;
        }
        work.add(new ZoneChange.Reset(request, List.of(zone)));
        return WAITING;
    }

    private int startResetAll(BlockRequest request) {
        List<ActiveZone> affected = new ArrayList<>();
        for (int i = 0; i < zones.count(); i++) {
            Zone zone = zones.table().zone(i);
            ActiveZone activeZone = zones.ifActive(i);
            boolean busy = activeZone != null && !activeZone.isIdle();
            if (rules.checkReset(zone) == 0 && (busy || zone.condition() != ZoneCondition.EMPTY)) {
                affected.add(zones.active(i));
            }
        }
        int kept = request.fault instanceof FaultOutcome.Failure failure ? failure.keptZones() : 0;
        work.add(new ZoneChange.Reset(request, affected.subList(0, Math.max(0, affected.size() - kept))));
        return WAITING;
    }
}
