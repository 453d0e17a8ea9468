package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneTable;
import java.lang.foreign.MemorySegment;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The zones of a device: their rules' state, what is under way in each, and the {@link DeviceState} that tells the next
 * server of it. Guarded by the device's lock.
 */
final class DeviceZones {

    private final DeviceGeometry geometry;
    private final ZoneTable table;
    private final @Nullable ZoneTraffic[] traffic;

    /** Null before {@link #begin}. */
    private @Nullable DeviceState state;

    /**
     * @param writePointer the stored write pointer of each sequential zone, as a device address in bytes
     * @param failed the condition of each zone that is read-only or offline, null of all others
     */
    DeviceZones(DeviceGeometry geometry, IntToLongFunction writePointer, IntFunction<@Nullable ZoneCondition> failed) {
        this.geometry = geometry;
        table = new ZoneTable(geometry, writePointer, failed, this::publish);
        traffic = new ZoneTraffic[geometry.zoneCount()];
    }

    /** The zones are open that were, and the last write of each may come a second time. */
    void restore(DeviceState left) {
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            if (left.was(i, ZoneCondition.IMPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.IMPLICIT_OPEN);
            } else if (left.was(i, ZoneCondition.EXPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.EXPLICIT_OPEN);
            }
            if (left.lastWriteBytes(i) > 0) {
                ZoneTraffic zone = traffic(i);
                zone.lastWriteBytes = left.lastWriteBytes(i);
                zone.lastWriteMayRepeat = true;
            }
        }
    }

    /** From now on what is acknowledged is kept in {@code memory} too. */
    void begin(MemorySegment memory) {
        DeviceState begun = new DeviceState(memory, geometry);
        state = begun;
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            publish(table.zone(i));
        }
        begun.begin();
    }

    /** A sync failed: what was acknowledged since the last one may be lost already. */
    void endState() {
        if (state != null) {
            state.end();
            state = null;
        }
    }

    /** Puts where it outlives this process what a zone has come to, before any completion says so. */
    void publish(Zone zone) {
        if (state != null) {
            ZoneTraffic moving = traffic[zone.index()];
            if (moving == null) {
                state.put(zone, zone.writePointerBytes(), 0);
            } else {
                state.put(zone, moving.completedBytes, moving.lastWriteBytes);
            }
        }
    }

    /** Keeps where an append went until {@link #answered}; before {@link #publish}, or its zone would know more than it. */
    void appended(BlockRequest append) {
        if (state != null) {
            state.putAppend(append.slot(), append.offsetBytes(), append.lengthBytes());
        }
    }

    /** What the request's slot last appended will not come again. */
    void answered(BlockRequest request) {
        if (state != null) {
            state.removeAppend(request.slot());
        }
    }

    /**
     * Where an append may have gone already, if it is the one that its slot had when the server died; else -1.
     *
     * @param zone the zone to append to
     */
    long earlierPlace(ZoneTraffic zone, BlockRequest append) {
        if (state == null || state.appendLengthBytes(append.slot()) != append.lengthBytes()) {
            return -1;
        }
        long place = state.appendPlaceBytes(append.slot());
        boolean isThere = place >= zone.zone.startBytes() && place + append.lengthBytes() <= zone.completedBytes;
        return isThere ? place : -1;
    }

    ZoneTable table() {
        return table;
    }

    int count() {
        return traffic.length;
    }

    /** The traffic of the zone that holds a device address, which the caller knows to be on the device. */
    ZoneTraffic at(long offsetBytes) {
        return traffic(table.indexOf(offsetBytes));
    }

    /** The traffic of a zone. */
    ZoneTraffic traffic(int index) {
        ZoneTraffic zone = traffic[index];
        if (zone == null) {
            zone = new ZoneTraffic(table.zone(index));
            traffic[index] = zone;
        }
        return zone;
    }

    /** The traffic of a zone that was touched, else null. */
    @Nullable
    ZoneTraffic touched(int index) {
        return traffic[index];
    }

    /** Shows {@code count} zones from {@code first}. */
    void report(int first, int count, ZoneVisitor visitor) {
        for (int i = first; i < first + count; i++) {
            Zone zone = table.zone(i);
            ZoneTraffic moving = traffic[i];
            long pointer = moving == null ? zone.writePointerBytes() : moving.completedBytes;
            visitor.zone(i, zone.startBytes(), zone.capacityBytes(), pointer, zone.condition());
        }
    }
}
