package io.ublkzoned.backend.live;

import io.ublkzoned.backend.ublk.DeviceActivity;
import io.ublkzoned.backend.ublk.ZoneSnapshot;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.EnumMap;
import java.util.Map;

/**
 * The state of a device at one moment. Both parts come from the same server.
 *
 * @param activity its counts
 * @param zones its zones
 */
public record DeviceSample(DeviceActivity activity, ZoneSnapshot zones) {

    /** Returns the number of zones in each condition, 0 included. */
    public Map<ZoneCondition, Integer> conditions() {
        Map<ZoneCondition, Integer> counts = new EnumMap<>(ZoneCondition.class);
        for (ZoneCondition condition : ZoneCondition.values()) {
            counts.put(condition, 0);
        }
        for (int zone = 0; zone < zones.zones(); zone++) {
            counts.merge(zones.condition(zone), 1, Integer::sum);
        }
        return counts;
    }
}
