package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ZoneMap;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * The resets since the last flush, and what their zones had before. A power cut undoes some of them, so the clusters of
 * these zones are not released before the next flush. Empty unless a power cut is expected.
 *
 * <p>It belongs to the data path, under the device's lock.
 */
final class UnflushedResets {

    private record Past(Unflushed history, ZoneMap map) {}

    private final RequestMapper mapper;

    /** What each zone had before each of its resets, the oldest first. */
    private final TreeMap<Integer, List<Past>> pasts = new TreeMap<>();

    private boolean on;

    UnflushedResets(RequestMapper mapper) {
        this.mapper = mapper;
    }

    /** Begins to keep what resets remove, or releases all of it and keeps no more. */
    void switchOn(boolean newOn) {
        on = newOn;
        if (!newOn) {
            forget();
        }
    }

    /**
     * Keeps what a zone has, because it is being reset. The zone then has an empty map.
     *
     * @param storedBytes the write pointer in the file before the reset
     * @return false if the zone was empty, or no power cut is expected
     */
    boolean keep(ActiveZone zone, long storedBytes) {
        ZoneMap map = zone.map;
        if (!on || map == null || zone.completedBytes == zone.zone.startBytes()) {
            return false;
        }
        ZoneMap empty = map.emptied();
        Unflushed history = new Unflushed(storedBytes, zone.completedBytes, zone.lastWriteBytes);
        pasts.computeIfAbsent(zone.zone.index(), index -> new ArrayList<>()).add(new Past(history, map));
        zone.map = empty;
        return true;
    }

    /** Returns the history of a zone before each of its resets, the oldest first. */
    List<Unflushed> histories(ActiveZone zone) {
        return pastsOf(zone).stream().map(Past::history).toList();
    }

    private List<Past> pastsOf(ActiveZone zone) {
        return pasts.getOrDefault(zone.zone.index(), List.of());
    }

    /** Undoes a reset of a zone, and those after it. The zone gets back the clusters that it had before. */
    void undo(ActiveZone zone, int reset) {
        ZoneMap now = zone.map;
        if (now != null) {
            release(now);
        }
        ZoneMap past = pastsOf(zone).remove(reset).map;
        past.markStale(0, past.clusters());
        zone.map = past;
    }

    /** Forgets all resets, so that none can be undone, and releases what their zones had. Returns false if there were none. */
    boolean forget() {
        if (pasts.isEmpty()) {
            return false;
        }
        pasts.values().forEach(zone -> zone.forEach(past -> release(past.map)));
        pasts.clear();
        return true;
    }

    private void release(ZoneMap map) {
        map.truncate(0, mapper::release);
    }
}
