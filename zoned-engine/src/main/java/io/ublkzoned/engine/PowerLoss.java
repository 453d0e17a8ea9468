package io.ublkzoned.engine;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.qcow2.WritePointerTable;
import io.ublkzoned.engine.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The effect of a power cut on the zones of a device that is being closed: it moves write pointers back to a place
 * between the last flush and the last acknowledged write. Every byte below is then right. Under the device's lock.
 */
final class PowerLoss {

    private final DeviceZones zones;
    private final WritePointerTable stored;

    /** @param stored the write pointers in the file, which are at most as far as the acknowledged ones */
    PowerLoss(DeviceZones zones, WritePointerTable stored) {
        this.zones = zones;
        this.stored = stored;
    }

    /** Moves the write pointers. Returns the zones that lost something. */
    List<ActiveZone> apply(PowerCut cut) {
        SplittableRandom random = cut.random();
        List<ActiveZone> changed = new ArrayList<>();
        for (int i = 0; i < zones.count(); i++) {
            ActiveZone active = zones.ifActive(i);
            if (active == null || active.zone.isConventional()) {
                continue;
            }
            long flushed = stored.get(i);
            if (flushed < active.completedBytes) {
                long pointer = draw(cut, random, active, flushed);
                if (pointer != active.completedBytes) {
                    active.completedBytes = pointer;
                    active.lastWriteBytes = 0;
                    changed.add(active);
                }
            }
        }
        return changed;
    }

    private long draw(PowerCut cut, SplittableRandom random, ActiveZone active, long flushed) {
        Zone zone = active.zone;
        boolean isFull = active.completedBytes == zone.endBytes();
        if (isFull && active.lastWriteBytes == 0) {
            // Finished: only below the flushed place, and in the zone as a whole, all bytes are known to be right.
            return cut.survivors(random, 1) == 1 ? active.completedBytes : flushed;
        }
        long acknowledged = isFull ? zone.writableEndBytes() : active.completedBytes;
        int blockBytes = zones.blockBytes();
        long pointer = flushed + cut.survivors(random, (acknowledged - flushed) / blockBytes) * blockBytes;
        return pointer == zone.writableEndBytes() ? zone.endBytes() : pointer;
    }
}
