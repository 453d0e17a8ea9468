package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The effect of a call on a file, so that it can be applied to another copy of the file, completely or in part.
 *
 * @param call the call: WRITE, DATA_WRITE, PUNCH or SET_SIZE
 * @param offset the start in the file; for SET_SIZE, the new size
 * @param length the bytes; for SET_SIZE, 0
 * @param data the written data, or null for zeros
 * @param at the start in {@code data}
 */
@SuppressWarnings({"ArrayRecordComponent", "EnumOrdinal"}) // bytes that are never changed; ordinals only within one run
record DiskChange(Call call, long offset, long length, byte @Nullable [] data, int at) {

    private static final int SECTOR = TestData.SECTOR;

    void apply(SparseBytes target) {
        if (call == Call.SET_SIZE) {
            target.resize(offset);
        } else {
            apply(target, 0, length);
        }
    }

    /** Applies the surviving sectors of this change, which is the {@code index}th since the last sync. */
    void apply(SparseBytes target, int index, Survival survival) {
        if (call == Call.SET_SIZE) {
            if (survival.survives(index, 0)) {
                target.resize(offset);
            }
            return;
        }
        int sectors = (int) ((length + SECTOR - 1) / SECTOR);
        int sector = 0;
        while (sector < sectors) {
            int from = sector;
            while (sector < sectors && survival.survives(index, sector)) {
                sector++;
            }
            if (sector > from) {
                long end = Math.min(length, (long) sector * SECTOR);
                apply(target, from * SECTOR, end - (long) from * SECTOR);
            }
            sector++;
        }
    }

    private void apply(SparseBytes target, int from, long bytes) {
        if (data == null) {
            target.zero(offset + from, offset + from + bytes);
        } else {
            target.write(offset + from, data, at + from, (int) bytes);
        }
    }

    /** Returns a hash of the earlier changes, whose hash is given, and of this one. */
    long hash(long before) {
        int dataHash = data == null ? 0 : Arrays.hashCode(data);
        return Trace.mix(before ^ (offset * 31 + length)) + dataHash + call.ordinal();
    }
}
