package io.ublkzoned.engine;

import java.util.ArrayList;
import java.util.Arrays;

/**
 * One flush: the requests that wait for it, and the zones that it writes. It is reused, so that a flush allocates
 * nothing. It belongs to the metadata thread; {@link PendingWork} fills it.
 */
final class Flush {

    final RequestList requests = new RequestList();
    private final ArrayList<ActiveZone> zones = new ArrayList<>();
    private long[] pointers = new long[16];

    void clear() {
        zones.clear();
    }

    /**
     * Adds a zone.
     *
     * @param writePointerBytes the acknowledged write pointer of the zone, as a device address
     */
    void add(ActiveZone zone, long writePointerBytes) {
        if (zones.size() == pointers.length) {
            pointers = Arrays.copyOf(pointers, 2 * pointers.length);
        }
        pointers[zones.size()] = writePointerBytes;
        zones.add(zone);
    }

    int size() {
        return zones.size();
    }

    ActiveZone zone(int index) {
        return zones.get(index);
    }

    long writePointerBytes(int index) {
        return pointers[index];
    }
}
