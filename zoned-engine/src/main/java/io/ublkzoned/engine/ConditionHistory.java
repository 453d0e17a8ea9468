package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The latest changes of zone conditions of a device, of all zones together. Guarded by the device's lock. */
final class ConditionHistory {

    /** The number of changes that are kept: 24 bytes each, 96 KiB. */
    static final int CHANGES_MAX = 4096;

    private static final int CHANGES_AT_FIRST = 16; // doubled when they are used up

    // A ring, once it has its full size.
    private long[] timesMillis = new long[CHANGES_AT_FIRST];
    private long[] writePointersBytes = new long[CHANGES_AT_FIRST];
    private int[] zones = new int[CHANGES_AT_FIRST];
    private ZoneCondition[] conditions = new ZoneCondition[CHANGES_AT_FIRST];
    private long changes;

    /** Adds the present condition of a zone. */
    void add(Zone zone) {
        if (changes == zones.length && changes < CHANGES_MAX) {
            grow(2 * zones.length);
        }
        int at = (int) (changes % zones.length);
        timesMillis[at] = System.currentTimeMillis();
        writePointersBytes[at] = zone.writePointerBytes();
        zones[at] = zone.index();
        conditions[at] = zone.condition();
        changes++;
    }

    private void grow(int length) {
        timesMillis = Arrays.copyOf(timesMillis, length);
        writePointersBytes = Arrays.copyOf(writePointersBytes, length);
        zones = Arrays.copyOf(zones, length);
        conditions = Arrays.copyOf(conditions, length);
    }

    /** Returns the changes of one zone that are still kept, the oldest first. */
    List<ConditionChange> of(int zone) {
        List<ConditionChange> found = new ArrayList<>();
        for (long change = Math.max(0, changes - zones.length); change < changes; change++) {
            int at = (int) (change % zones.length);
            if (zones[at] == zone) {
                found.add(new ConditionChange(timesMillis[at], conditions[at], writePointersBytes[at]));
            }
        }
        return found;
    }
}
