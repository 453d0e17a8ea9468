package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneTable;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The zones of a device: their rules' state, what is under way in each, and the {@link DeviceState} that tells the next
 * server of it. Guarded by the device's lock.
 */
final class DeviceZones {

    private final Object lock;
    private final DeviceGeometry geometry;
    private final ZoneTable table;
    private final @Nullable ActiveZone[] active;

    /** Null before {@link #begin}. */
    private @Nullable DeviceState state;

    /** Whether the kernel may send requests again that the last server had carried out. */
    private boolean resumed;

    /** How many slots have an append that has been carried out and not been answered. */
    private int unansweredAppends;

    /**
     * @param lock the device's lock
     * @param writePointer the stored write pointer of each sequential zone, as a device address in bytes
     * @param failed the condition of each zone that is read-only or offline, null of all others
     */
    DeviceZones(
            Object lock,
            DeviceGeometry geometry,
            IntToLongFunction writePointer,
            IntFunction<@Nullable ZoneCondition> failed) {
        this.lock = lock;
        this.geometry = geometry;
        table = new ZoneTable(geometry, writePointer, failed, this::publish);
        active = new ActiveZone[geometry.zoneCount()];
    }

    /** The zones are open that were, and requests may come a second time. */
    void restore(DeviceState left) {
        resumed = true;
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            if (left.was(i, ZoneCondition.IMPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.IMPLICIT_OPEN);
            } else if (left.was(i, ZoneCondition.EXPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.EXPLICIT_OPEN);
            }
            if (left.lastWriteBytes(i) > 0) {
                ActiveZone zone = active(i);
                zone.lastWriteBytes = left.lastWriteBytes(i);
                zone.lastWriteMayRepeat = true;
            }
        }
    }

    /** From now on what is acknowledged is kept in {@code newState} too. */
    void begin(DeviceState newState) {
        state = newState;
        for (int slot = 0; slot < newState.shape().slots(); slot++) {
            if (resumed && hasAppend(newState, slot)) {
                unansweredAppends++;
            } else {
                newState.removeAppend(slot);
            }
        }
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            publish(table.zone(i));
        }
        newState.begin();
    }

    /**
     * Whether the append of a slot is below the write pointer. If the server died before it had moved that, the place is the next
     * append's.
     */
    private boolean hasAppend(DeviceState left, int slot) {
        int length = left.appendLengthBytes(slot);
        long place = left.appendPlaceBytes(slot);
        return length != 0
                && place < geometry.sizeBytes()
                && place + length <= table.zone(table.indexOf(place)).writePointerBytes();
    }

    /** Whether a request of a tag that has had none since the start may be one that the last server had carried out. */
    boolean isResumed() {
        return resumed;
    }

    /** Puts where it outlives this process what a zone has come to, before any completion says so. */
    void publish(Zone zone) {
        if (state != null) {
            assert Thread.holdsLock(lock);
            ActiveZone moving = active[zone.index()];
            if (moving == null) {
                state.put(zone, zone.writePointerBytes(), 0, false);
            } else {
                state.put(zone, moving.completedBytes, moving.lastWriteBytes, moving.hasRemains);
            }
        }
    }

    /**
     * Keeps where an append went until {@link #forgetAppend}. Before {@link #publish}: otherwise, if the server dies in between,
     * the append's data is there, and the append is carried out once more.
     */
    void appended(BlockRequest append) {
        assert Thread.holdsLock(lock);
        if (state != null) {
            state.putAppend(append.slot(), append.offsetBytes(), append.lengthBytes());
            unansweredAppends++;
        }
    }

    /** No later request of the slot is taken for what it last appended. */
    void forgetAppend(BlockRequest request) {
        assert Thread.holdsLock(lock);
        if (state != null) {
            forgetAppend(state, request.slot());
        }
    }

    private void forgetAppend(DeviceState of, int slot) {
        if (of.appendLengthBytes(slot) != 0) {
            of.removeAppend(slot);
            unansweredAppends--;
        }
    }

    /** The zone is reset, so the places of its appends will be those of others. */
    void forgetAppends(Zone zone) {
        assert Thread.holdsLock(lock);
        DeviceState of = state;
        if (of == null) {
            return;
        }
        for (int slot = 0; unansweredAppends > 0 && slot < of.shape().slots(); slot++) {
            if (table.indexOf(of.appendPlaceBytes(slot)) == zone.index()) {
                forgetAppend(of, slot);
            }
        }
    }

    /**
     * Where an append may have gone already, if it is the one that its slot had when the server died; else -1.
     *
     * @param zone the zone to append to
     */
    long earlierPlace(ActiveZone zone, BlockRequest append) {
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
        return active.length;
    }

    /** Returns the zone that holds a device address, which the caller knows to be on the device. */
    ActiveZone at(long offsetBytes) {
        return activate(table.indexOf(offsetBytes));
    }

    /** Returns a zone, which is made active if it was not. */
    ActiveZone active(int index) {
        assert Thread.holdsLock(lock);
        return activate(index);
    }

    private ActiveZone activate(int index) {
        ActiveZone zone = active[index];
        if (zone == null) {
            zone = new ActiveZone(table.zone(index));
            active[index] = zone;
        }
        return zone;
    }

    /** Returns a zone if it is active, else null. */
    @Nullable
    ActiveZone ifActive(int index) {
        assert Thread.holdsLock(lock);
        return active[index];
    }

    /** Calls {@code action} with each active zone. */
    void forEachActive(Consumer<ActiveZone> action) {
        for (ActiveZone zone : active) {
            if (zone != null) {
                action.accept(zone);
            }
        }
    }

    /** Shows {@code count} zones from {@code first}. */
    void report(int first, int count, ZoneVisitor visitor) {
        assert Thread.holdsLock(lock);
        for (int i = first; i < first + count; i++) {
            Zone zone = table.zone(i);
            ActiveZone moving = active[i];
            long pointer = moving == null ? zone.writePointerBytes() : moving.completedBytes;
            visitor.zone(i, zone.startBytes(), zone.capacityBytes(), pointer, zone.condition());
        }
    }
}
