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
 * The zones of a device: the state of the zone rules, the activity in each zone, and the {@link DeviceState} that
 * preserves both for the next server. Guarded by the device's lock.
 */
final class DeviceZones {

    /** A quarter of the heap of a server. When it is reached, later writes are not undone, as if they had been flushed. */
    private static final long JOURNAL_BYTES_MAX = 64 << 20;

    private final Object lock;
    private final DeviceGeometry geometry;
    private final ZoneTable table;
    private final @Nullable ActiveZone[] active;
    private final OverwriteJournal journal;
    private final ConditionHistory history = new ConditionHistory();

    /** Null before {@link #begin}. */
    private @Nullable DeviceState state;

    /** Whether the kernel may send requests again that the last server had carried out. */
    private boolean resumed;

    /** The number of slots with an append that has been carried out but not answered. */
    private int unansweredAppends;

    /**
     * @param lock the device's lock
     * @param writePointer the stored write pointer of each sequential zone, as a device address in bytes
     * @param failed the condition of each zone that is read-only or offline, null for all others
     */
    DeviceZones(
            Object lock,
            DeviceGeometry geometry,
            IntToLongFunction writePointer,
            IntFunction<@Nullable ZoneCondition> failed) {
        this.lock = lock;
        this.geometry = geometry;
        table = new ZoneTable(geometry, writePointer, failed, this::changed);
        active = new ActiveZone[geometry.zoneCount()];
        journal = new OverwriteJournal(lock, JOURNAL_BYTES_MAX);
    }

    /** Returns whether all sequential zones are empty. */
    boolean areEmpty() {
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            if (table.zone(i).condition() != ZoneCondition.EMPTY) {
                return false;
            }
        }
        return true;
    }

    /** Restores the open zones, and prepares for requests that the kernel sends again. */
    void restore(DeviceState left) {
        resumed = true;
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            if (left.hadCondition(i, ZoneCondition.IMPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.IMPLICIT_OPEN);
            } else if (left.hadCondition(i, ZoneCondition.EXPLICIT_OPEN)) {
                table.reopen(table.zone(i), ZoneCondition.EXPLICIT_OPEN);
            }
            if (left.lastWriteBytes(i) > 0) {
                ActiveZone zone = active(i);
                zone.lastWriteBytes = left.lastWriteBytes(i);
                zone.lastWriteMayRepeat = true;
            }
        }
    }

    /** Records all acknowledged changes in {@code newState} from now on. */
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
     * Returns whether the slot's append is below the write pointer. If the server died before it moved the write
     * pointer, the place belongs to the next append.
     */
    private boolean hasAppend(DeviceState left, int slot) {
        int length = left.appendLengthBytes(slot);
        long place = left.appendPlaceBytes(slot);
        return length != 0
                && place < geometry.sizeBytes()
                && place + length <= table.zone(table.indexOf(place)).writePointerBytes();
    }

    /** Invalidates the recorded state, so that the next server does not believe it. */
    void endState() {
        if (state != null) {
            state.end();
        }
    }

    /** Returns whether the first request of a tag may be one that the last server had carried out. */
    boolean isResumed() {
        return resumed;
    }

    private void changed(Zone zone) {
        history.add(zone);
        publish(zone);
    }

    /** Returns the latest changes of conditions. */
    ConditionHistory history() {
        assert Thread.holdsLock(lock);
        return history;
    }

    /** Records the current state of a zone in memory that outlives this process, before any completion reports it. */
    void publish(Zone zone) {
        if (state != null) {
            assert Thread.holdsLock(lock);
            ActiveZone activeZone = active[zone.index()];
            if (activeZone == null) {
                state.put(zone, zone.writePointerBytes(), 0, false);
            } else {
                state.put(zone, activeZone.completedBytes, activeZone.lastWriteBytes, activeZone.hasRemains);
            }
        }
    }

    /**
     * Records the place of an append until {@link #forgetAppend}. Must precede {@link #publish}; otherwise, if the
     * server dies in between, the append's data is in the image and the append is carried out once more.
     */
    void recordAppend(BlockRequest append) {
        assert Thread.holdsLock(lock);
        if (state != null) {
            state.putAppend(append.slot(), append.offsetBytes(), append.lengthBytes());
            unansweredAppends++;
        }
    }

    /** Forgets the last append of the request's slot, so that no later request is taken for it. */
    void forgetAppend(BlockRequest request) {
        assert Thread.holdsLock(lock);
        if (state != null) {
            forgetAppend(state, request.slot());
        }
    }

    private void forgetAppend(DeviceState current, int slot) {
        if (current.appendLengthBytes(slot) != 0) {
            current.removeAppend(slot);
            unansweredAppends--;
        }
    }

    /** Forgets the appends of a zone from an address on, because later appends reuse their places. */
    void forgetAppends(Zone zone, long fromBytes) {
        assert Thread.holdsLock(lock);
        DeviceState current = state;
        if (current == null) {
            return;
        }
        for (int slot = 0; unansweredAppends > 0 && slot < current.shape().slots(); slot++) {
            long place = current.appendPlaceBytes(slot);
            if (place >= fromBytes && table.indexOf(place) == zone.index()) {
                forgetAppend(current, slot);
            }
        }
    }

    /**
     * Returns the place of an append that the last server may already have carried out: the append of the same slot
     * when the server died. Returns -1 if that append does not match.
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

    DeviceGeometry geometry() {
        return geometry;
    }

    /** Returns the journal of the conventional zones. Needs no lock. */
    OverwriteJournal journal() {
        return journal;
    }

    /** Returns the logical block size of the device, or that of a sector before {@link #begin}. */
    int blockBytes() {
        return state == null ? DeviceGeometry.SECTOR_BYTES : state.shape().blockBytes();
    }

    int count() {
        return active.length;
    }

    /**
     * Returns the zone that holds a device address. The address must be on the device. Activates the zone if it is not
     * active.
     */
    ActiveZone at(long offsetBytes) {
        return activate(table.indexOf(offsetBytes));
    }

    /** Returns a zone, activating it if it is not active. */
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

    /** Returns a zone if it is active, otherwise null. */
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

    /** Reports {@code count} zones from {@code first}. */
    void report(int first, int count, ZoneVisitor visitor) {
        assert Thread.holdsLock(lock);
        for (int i = first; i < first + count; i++) {
            Zone zone = table.zone(i);
            ActiveZone activeZone = active[i];
            long pointer = activeZone == null ? zone.writePointerBytes() : activeZone.completedBytes;
            visitor.zone(i, zone.startBytes(), zone.capacityBytes(), pointer, zone.condition());
        }
    }
}
