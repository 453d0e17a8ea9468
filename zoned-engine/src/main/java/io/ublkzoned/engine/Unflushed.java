package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.Zone;

/**
 * The part of a sequential zone's history from the last flush, or from a reset, to a later reset or to now.
 *
 * @param storedBytes the write pointer at its start
 * @param completedBytes the acknowledged write pointer at its end
 * @param lastWriteBytes the length of the write that ended there, 0 if none did
 */
record Unflushed(long storedBytes, long completedBytes, int lastWriteBytes) {

    /** Returns the number of its steps: the blocks that were written, or one for a finish. */
    long steps(Zone zone, int blockBytes) {
        if (storedBytes >= completedBytes) {
            return 0;
        }
        return isFinished(zone) ? 1 : (writtenEnd(zone) - storedBytes) / blockBytes;
    }

    /** Returns the write pointer after the first {@code steps} steps. Every byte below it is right. */
    long pointerAfter(long steps, Zone zone, int blockBytes) {
        if (steps == 0) {
            return storedBytes;
        }
        long pointer = isFinished(zone) ? completedBytes : storedBytes + steps * blockBytes;
        return pointer == zone.writableEndBytes() ? zone.endBytes() : pointer;
    }

    /**
     * Returns whether the zone was finished. Only below the stored place, and in the zone as a whole, all bytes are then
     * known to be right.
     */
    private boolean isFinished(Zone zone) {
        return completedBytes == zone.endBytes() && lastWriteBytes == 0;
    }

    private long writtenEnd(Zone zone) {
        return completedBytes == zone.endBytes() ? zone.writableEndBytes() : completedBytes;
    }
}
