package io.ublkzoned.engine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The writer that makes changes of whole zones durable: resets, finishes, losses and changes of conditions. It
 * belongs to the metadata thread.
 */
final class ChangeWriter {

    private final PendingWork work;
    private final MetadataWriter metadata;
    private final ZoneMapIo maps;
    private final ReleasedSpace space;
    private final FailureLog failures;

    ChangeWriter(PendingWork work, MetadataWriter metadata, ZoneMapIo maps, ReleasedSpace space, FailureLog failures) {
        this.work = work;
        this.metadata = metadata;
        this.maps = maps;
        this.space = space;
        this.failures = failures;
    }

    /**
     * Carries out all changes whose zones are idle. All resets share one sync. Returns false if no change was ready.
     */
    boolean run() {
        List<ZoneChange> ready = work.takeChanges();
        if (ready.isEmpty()) {
            return false;
        }
        List<ZoneChange.Reset> resets = new ArrayList<>();
        for (ZoneChange change : ready) {
            switch (change) {
                case ZoneChange.Reset reset -> resets.add(reset);
                case ZoneChange.Finish finish -> finish(finish);
                case ZoneChange.Loss loss -> lose(loss);
                case ZoneChange.Wear wear -> wear(wear);
            }
        }
        reset(resets);
        work.changesDone(ready);
        unmapKept(resets);
        space.punch();
        return true;
    }

    /** Resets the zones of all these requests with one sync. Each request gets its own result. */
    private void reset(List<ZoneChange.Reset> resets) {
        try {
            List<ActiveZone> zones = new ArrayList<>();
            for (ZoneChange.Reset reset : resets) {
                reset.resettable.removeIf(zone -> cannotLoad(reset, zone));
                reset.storedPointers = metadata.storedPointers(reset.resettable);
                zones.addAll(reset.resettable);
            }
            int error = metadata.storeEmpty(zones);
            for (ZoneChange.Reset reset : resets) {
                reset.fail(error);
                reset.stored = error == 0;
            }
        } catch (RuntimeException | VirtualMachineError e) {
            int error = failures.logAndGetErrno("reset", e);
            resets.forEach(reset -> reset.fail(error));
        }
    }

    /**
     * Removes the mapping of zones that are reset and keep their clusters, before they can be written. A copy of the file
     * that still has the mapping shows the old data, so its generation must be an older one. If a mapping cannot be
     * removed now, it is before the zone's next write, and such a copy is not noticed.
     */
    private void unmapKept(List<ZoneChange.Reset> resets) {
        List<ActiveZone> kept =
                resets.stream().flatMap(reset -> reset.kept.stream()).toList();
        boolean unmapped = !kept.isEmpty();
        for (ActiveZone zone : kept) {
            unmapped &= maps.store(zone) == 0;
        }
        if (unmapped) {
            metadata.countChange();
        }
    }

    private boolean cannotLoad(ZoneChange.Reset reset, ActiveZone zone) {
        int error = maps.load(zone);
        reset.fail(error);
        return error != 0;
    }

    /**
     * Removes data that failed writes may have left above the write pointer, because it must not show in a FULL zone.
     * Releases the clusters there, in the file too, before the zone becomes FULL; otherwise they would leak after a
     * crash, because recovery does not look for them in a FULL zone.
     */
    private void finish(ZoneChange.Finish finish) {
        if (!finish.succeeds()) {
            return;
        }
        ActiveZone zone = finish.zone;
        try {
            finish.fail(maps.load(zone));
            if (finish.succeeds()) {
                finish.fail(metadata.clearTail(zone));
            }
            if (finish.succeeds()) {
                work.releaseAhead(zone);
                finish.fail(maps.store(zone));
            }
            if (finish.succeeds()) {
                finish.fail(metadata.countChange());
            }
        } catch (RuntimeException | VirtualMachineError e) {
            finish.fail(failures.logAndGetErrno("finish", e));
        }
    }

    private void lose(ZoneChange.Loss loss) {
        try {
            metadata.loseUnflushed(loss);
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            loss.fail(failures.logAndGetErrno("losing unflushed data", e));
        }
    }

    private void wear(ZoneChange.Wear wear) {
        if (wear.failure != null) {
            return;
        }
        try {
            int first = wear.zones.getFirst().zone.index();
            metadata.storeFailed(metadata.failedZones().with(first, wear.zones.size(), wear.condition));
        } catch (IOException e) {
            wear.failure = e;
        } catch (RuntimeException | VirtualMachineError e) {
            wear.fail(failures.logAndGetErrno("changing the condition of zones", e));
        }
    }
}
