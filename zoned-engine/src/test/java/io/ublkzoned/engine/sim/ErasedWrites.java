package io.ublkzoned.engine.sim;

import java.util.ArrayList;
import java.util.List;

/**
 * What resets have erased from a zone whose device expects a power cut. The cut may undo the resets that no flush covers,
 * so the zone's model remembers here what it forgets.
 */
final class ErasedWrites {

    private final List<IoCall> writes = new ArrayList<>();
    private final List<IoCall> resets = new ArrayList<>();
    private boolean finished;

    /** Whether the device expects a power cut. */
    private boolean on;

    /** Begins with a device that has just been opened. */
    void begin(boolean expectsPowerCut) {
        on = expectsPowerCut;
        clear();
    }

    private void clear() {
        writes.clear();
        resets.clear();
        finished = false;
    }

    void addWrite(IoCall write) {
        if (on) {
            writes.add(write);
        }
    }

    void addReset(IoCall reset) {
        if (on) {
            resets.add(reset);
        }
    }

    /** Remembers that the zone was finished. */
    void addFinish() {
        finished = on;
    }

    /**
     * Marks the resets that the power cut may have undone, and gives back what it may have brought back.
     *
     * @param flushed when the last acknowledged flush began
     * @param zoneWrites the writes of the zone's model, in the order in which they were sent
     * @param zoneResets the resets of the zone's model
     * @return whether the zone may be finished again
     */
    boolean restore(long flushed, List<IoCall> zoneWrites, List<IoCall> zoneResets) {
        if (!on) {
            return false;
        }
        for (IoCall write : writes) {
            boolean isGone = resets.stream()
                    .anyMatch(reset -> reset.succeeded() && reset.ended < flushed && reset.begun > write.ended);
            if (!isGone) {
                write.gone = false;
                zoneWrites.add(write);
            }
        }
        zoneWrites.sort((one, other) -> Long.compare(one.begun, other.begun));
        zoneResets.addAll(resets);
        for (IoCall reset : zoneResets) {
            reset.undoable = reset.succeeded() && reset.ended >= flushed;
        }
        boolean wasFinished = finished;
        clear();
        return wasFinished;
    }
}
