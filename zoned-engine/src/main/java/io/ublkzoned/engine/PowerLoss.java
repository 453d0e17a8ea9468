package io.ublkzoned.engine;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.qcow2.WritePointerTable;
import io.ublkzoned.engine.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The effect of a power cut on the zones of a device that is being closed. Each sequential zone keeps its history up to
 * some place after the last flush: whole blocks of writes, resets and finishes. Every byte below its write pointer is
 * then right. Under the device's lock.
 */
final class PowerLoss {

    /** The place in its history to which a zone goes back. */
    private static final class Fate {
        private final ActiveZone active;

        /** The history before each unflushed reset, and the one up to now. */
        private final List<Unflushed> histories;

        private int history;
        private long pointer;

        private Fate(ActiveZone active, List<Unflushed> histories) {
            this.active = active;
            this.histories = histories;
        }

        private long flushedPointer() {
            return histories.getFirst().storedBytes();
        }

        private boolean undoesReset() {
            return history < histories.size() - 1;
        }

        /** Returns whether the zone was active after the last flush. */
        private boolean wasActive() {
            return isActiveAt(active.zone, flushedPointer());
        }

        private boolean isActive() {
            return isActiveAt(active.zone, pointer);
        }

        private void loseAll() {
            history = 0;
            pointer = flushedPointer();
        }

        private void keepAll() {
            history = histories.size() - 1;
            pointer = active.completedBytes;
        }

        private long steps(int blockBytes) {
            long resets = histories.size() - 1L;
            return resets
                    + histories.stream()
                            .mapToLong(each -> each.steps(active.zone, blockBytes))
                            .sum();
        }

        private void keepFirst(long steps, int blockBytes) {
            long left = steps;
            long inHistory = histories.get(history).steps(active.zone, blockBytes);
            while (left > inHistory) {
                left -= inHistory + 1; // the reset is a step too
                history++;
                inHistory = histories.get(history).steps(active.zone, blockBytes);
            }
            pointer = histories.get(history).pointerAfter(left, active.zone, blockBytes);
        }
    }

    private final DeviceZones zones;
    private final UnflushedResets resets;
    private final WritePointerTable stored;

    /** @param stored the write pointers in the file, which are at most as far as the acknowledged ones */
    PowerLoss(DeviceZones zones, UnflushedResets resets, WritePointerTable stored) {
        this.zones = zones;
        this.resets = resets;
        this.stored = stored;
    }

    /** Takes the zones back. Returns those that lost something. */
    List<ActiveZone> apply(PowerCut cut) {
        List<Fate> fates = draw(cut);
        if (zones.geometry().maxActiveZones() != 0) {
            limitActiveZones(fates);
        }
        List<ActiveZone> changed = new ArrayList<>();
        for (Fate fate : fates) {
            if (fate.undoesReset()) {
                resets.undo(fate.active, fate.history);
            } else if (fate.pointer == fate.active.completedBytes) {
                continue;
            }
            fate.active.completedBytes = fate.pointer;
            fate.active.lastWriteBytes = 0;
            changed.add(fate.active);
        }
        resets.forget();
        return changed;
    }

    /** Draws the fate of each zone that can lose something. */
    private List<Fate> draw(PowerCut cut) {
        SplittableRandom random = cut.random();
        int blockBytes = zones.blockBytes();
        List<Fate> fates = new ArrayList<>();
        zones.forEachActive(active -> {
            if (!active.zone.isConventional()) {
                List<Unflushed> histories = new ArrayList<>(resets.histories(active));
                histories.add(
                        new Unflushed(stored.get(active.zone.index()), active.completedBytes, active.lastWriteBytes));
                Fate fate = new Fate(active, histories);
                long steps = fate.steps(blockBytes);
                if (steps > 0) {
                    fate.keepFirst(cut.survivors(random, steps), blockBytes);
                    fates.add(fate);
                }
            }
        });
        return fates;
    }

    /**
     * Lets zones lose everything that was not flushed, if more would be active than the device may have. If even what was
     * flushed is too much, because zones have recovered since, nothing is lost.
     */
    private void limitActiveZones(List<Fate> fates) {
        int room = zones.geometry().maxActiveZones() - activeWithout(fates);
        for (Fate fate : fates) {
            room -= fate.wasActive() && fate.isActive() ? 1 : 0;
        }
        if (room < 0) {
            fates.forEach(Fate::keepAll);
            return;
        }
        for (Fate fate : fates) {
            if (!fate.wasActive() && fate.isActive()) {
                if (room > 0) {
                    room--;
                } else {
                    fate.loseAll();
                }
            }
        }
    }

    /** Returns how many zones are active that lose nothing. */
    private int activeWithout(List<Fate> fates) {
        int count = 0;
        for (int i = zones.geometry().conventionalZones(); i < zones.count(); i++) {
            count += isActiveAt(zones.table().zone(i), stored.get(i)) ? 1 : 0;
        }
        for (Fate fate : fates) {
            Zone zone = fate.active.zone;
            count -= isActiveAt(zone, stored.get(zone.index())) ? 1 : 0;
        }
        return count;
    }

    private static boolean isActiveAt(Zone zone, long pointer) {
        return !zone.condition().isFailed() && pointer > zone.startBytes() && pointer < zone.writableEndBytes();
    }
}
