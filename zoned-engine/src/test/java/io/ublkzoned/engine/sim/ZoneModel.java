package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The oracle of one zone. From the requests and the times at which they began and ended it derives the contents that
 * the zone must, can and must not have. Every write has its own stamp in each sector.
 *
 * <p>Everything that was seen after a crash stays, so the list of requests is short.
 */
final class ZoneModel {

    private static final int SECTOR = TestData.SECTOR;

    private final int index;
    private final long start;
    private final long capacity;
    private final boolean conventional;

    /** All writes to the device, in the order of their stamps, from 1. */
    private final List<IoCall> stamps;

    // The writes that still matter, in the order in which they were sent.
    private final List<IoCall> writes = new ArrayList<>();
    private final List<IoCall> resets = new ArrayList<>();
    private final List<IoCall> finishes = new ArrayList<>();
    private final List<IoCall> reads = new ArrayList<>();
    private final ErasedWrites erased = new ErasedWrites();

    /** Whether the zone was seen FULL after a crash without being filled. */
    private boolean finished;

    /** Whether the zone was finished before a reset that a power cut may have undone. */
    private boolean mayBeFinished;

    /** Whether the device has shown a power cut, which can tear the last write. */
    private boolean mayBeTorn;

    /** The contents of a conventional zone's sectors after the last crash. */
    private final long[] words;

    ZoneModel(DeviceGeometry geometry, int index, List<IoCall> stamps) {
        this.index = index;
        this.stamps = stamps;
        start = geometry.zoneStart(index);
        capacity = geometry.capacityBytes();
        conventional = geometry.isConventional(index);
        words = new long[conventional ? (int) (geometry.zoneSizeBytes() / SECTOR) : 0];
    }

    /** Adds a request to this zone, or to all zones, that is sent. */
    void add(IoCall call) {
        switch (call.op) {
            case WRITE, ZONE_APPEND -> writes.add(call);
            case READ -> reads.add(call);
            case ZONE_RESET, ZONE_RESET_ALL -> resets.add(call);
            case ZONE_FINISH -> finishes.add(call);
            case ZONE_OPEN, ZONE_CLOSE, FLUSH -> {}
        }
    }

    /** Returns whether a write of this kind, or of any kind for null, has not ended. */
    boolean hasWriteInFlight(@Nullable BlockOp op) {
        for (IoCall write : writes) {
            if (!write.done && (op == null || write.op == op)) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether a write to this range has not been seen to end. */
    boolean isBeingWritten(long offset, int length) {
        for (IoCall write : writes) {
            if (!write.done && write.offset < offset + length && offset < write.offset + write.data.length) {
                return true;
            }
        }
        return false;
    }

    /** Returns the place of the next write if all writes in flight succeed. */
    long expectedPointer(long reported) {
        long pointer = reported;
        for (IoCall write : writes) {
            if (!write.done) {
                pointer = Math.max(pointer, write.placeNow() + write.data.length);
            }
        }
        return pointer;
    }

    /**
     * Updates the model after the server or the machine has died.
     *
     * @param flushed when the last acknowledged flush began; everything that ended before it must stay
     */
    void crashed(long now, long flushed) {
        checkReads();
        for (IoCall write : writes) {
            unsettleIfErased(write);
            write.losable |= isLost(write, now, flushed);
        }
        for (IoCall finish : finishes) {
            finish.losable |= isLost(finish, now, flushed);
        }
        for (IoCall reset : resets) {
            reset.ended = reset.survivesServer ? reset.ended : Math.min(reset.ended, now);
            reset.crashed = true;
        }
    }

    /** Begins with a device that has just been opened and checked. */
    void opened(boolean expectsPowerCut) {
        erased.begin(expectsPowerCut);
    }

    /**
     * Updates the model after the device has shown a power cut, which can tear the last write and undo resets.
     *
     * @param flushed when the last acknowledged flush began
     */
    void powerWasCut(long flushed) {
        mayBeTorn = true;
        mayBeFinished |= erased.restore(flushed, writes, resets);
        for (IoCall write : writes) {
            write.losable |= !isDurable(write, flushed);
        }
    }

    /**
     * Updates the model after the device may have lost what was not flushed.
     *
     * @param flushed when the last acknowledged flush began
     */
    void lost(long flushed) {
        for (IoCall write : writes) {
            write.losable |=
                    !isDurable(write, flushed) && !write.forceUnitAccess; // a forced write succeeds only if durable
        }
        for (IoCall finish : finishes) {
            finish.losable |= !isDurable(finish, flushed);
        }
    }

    /**
     * Marks a write that was seen on disk as unsettled if it may have been erased. An append that was sent again may
     * then have written it once more.
     */
    private void unsettleIfErased(IoCall write) {
        write.settled &= !canBeErased(write.begun);
    }

    private static boolean isLost(IoCall call, long now, long flushed) {
        if (call.survivesServer) {
            return false;
        }
        call.ended = Math.min(call.ended, now);
        return !isDurable(call, flushed);
    }

    private static boolean isDurable(IoCall call, long flushed) {
        return call.settled || (call.succeeded() && (call.forceUnitAccess || call.ended < flushed));
    }

    /**
     * Compares the zone with the requests, none of which is in flight.
     *
     * @param data the contents of the zone
     */
    void check(byte[] data, World.ReportedZone reported) {
        check(data, reported, false);
    }

    /**
     * Compares the zone when the image has just been opened, so everything that is seen is durable.
     *
     * @param takenOver whether the conditions of the zones are those of the last server
     */
    void checkOpened(byte[] data, World.ReportedZone reported, boolean takenOver) {
        require(takenOver || !reported.condition().isOpen(), "open after a crash or a close: ", reported.condition());
        check(data, reported, true);
    }

    private void check(byte[] data, World.ReportedZone reported, boolean opened) {
        checkReads();
        if (conventional) {
            checkConventional(data, opened);
        } else {
            checkSequential(data, reported, opened);
        }
    }

    private void checkSequential(byte[] data, World.ReportedZone reported, boolean opened) {
        long pointer = reported.writePointer() - start;
        boolean failed = ZoneWear.isFailed(reported.condition());
        boolean full = failed ? pointer == data.length : reported.condition() == ZoneCondition.FULL;
        long dataEnd = findVisible(data, Math.min(pointer, capacity));
        boolean filled = dataEnd == capacity;
        require(full ? pointer == data.length : pointer == dataEnd, "no data below the write pointer ", pointer);
        require(full || !filled, "filled and not FULL");
        require(!full || filled || canBeFinished(), "FULL, but neither filled nor finished");
        checkCondition(reported.condition(), pointer);
        for (IoCall write : writes) {
            if (write.visibleSectors == 0) {
                require(!mustBeThere(write), "lost: ", write);
            } else {
                tear(write, pointer);
                require(write.visibleSectors * SECTOR == write.data.length, "in part: ", write);
                require(canBeThere(write), "cannot be there: ", write);
            }
        }
        resets.forEach(this::checkUndone);
        for (IoCall finish : finishes) {
            require(full || !mustBeThere(finish), "lost: ", finish);
        }
        require(full || !finished || canBeErased(0), "was finished and is not FULL");
        forget(opened, full && !filled, full);
    }

    /**
     * Checks that a reset that a power cut may have undone was undone or not: data from before it and from behind it do not
     * meet. If it was the first one, and was undone, all data that was flushed before it is there.
     */
    private void checkUndone(IoCall reset) {
        if (!reset.undoable) {
            return;
        }
        boolean before = false;
        boolean after = false;
        for (IoCall write : writes) {
            if (write.visibleSectors > 0 && isUnique(write)) {
                before |= write.ended < reset.begun;
                after |= write.begun > reset.ended;
            }
        }
        require(!before || !after, "data from before and from after ", reset);
        for (IoCall write : writes) {
            boolean isOld = write.ended < reset.begun && !write.losable && write.succeeded() && isUnique(write);
            boolean mustBeThere = before && isOld && !mayBeErasedByOther(write, reset);
            require(!mustBeThere || write.visibleSectors > 0, "lost by an undone reset: ", write);
        }
    }

    private boolean mayBeErasedByOther(IoCall write, IoCall reset) {
        return resets.stream().anyMatch(other -> other != reset && mayHaveErased(other) && other.ended > write.begun);
    }

    /** Returns whether no other write has the same data, and its place is certain. */
    private static boolean isUnique(IoCall write) {
        return !write.sentAgain && !TestData.isPattern(TestData.stampOf(TestData.stampAt(write.data, 0)));
    }

    /** Drops the end of a write that a power cut has torn. The write pointer is there. */
    private void tear(IoCall write, long pointer) {
        int visible = write.visibleSectors * SECTOR;
        if (mayBeTorn && !mustBeThere(write) && write.place + visible == start + pointer) {
            write.keepOnly(visible);
        }
    }

    private void checkCondition(ZoneCondition condition, long pointer) {
        boolean fits = switch (condition) {
            case EMPTY -> pointer == 0;
            case CLOSED -> pointer > 0;
            case FULL, IMPLICIT_OPEN, EXPLICIT_OPEN, READ_ONLY, OFFLINE -> true;
            case NOT_WP -> false;
        };
        require(fits, "wrong condition for its write pointer: ", condition);
    }

    /** Counts the sectors of each write that the zone shows. Returns the end of its data. */
    private int findVisible(byte[] data, long readable) {
        for (IoCall write : writes) {
            write.visibleSectors = 0;
        }
        int end = 0;
        for (int at = 0; at < data.length; at += SECTOR) {
            long word = TestData.sectorWord(data, at);
            if (word != 0) {
                require(at == end && at < readable, "data after a gap or above the write pointer at ", at);
                IoCall write = writeOf(word, at);
                boolean isStray = write.place + (long) TestData.numberOf(word) * SECTOR != start + at;
                write.visibleSectors += isStray ? 0 : 1;
                end = at + SECTOR;
            }
        }
        return end;
    }

    private IoCall writeOf(long word, long at) {
        int stamp = TestData.stampOf(word);
        long place = start + at - (long) TestData.numberOf(word) * SECTOR;
        if (TestData.isPattern(stamp)) {
            return patternAt(place, stamp);
        }
        require(stamp > 0 && stamp <= stamps.size(), "strange data at ", at);
        IoCall write = stamps.get(stamp - 1);
        boolean isKnownPlace = write.place == place || write.strayPlaces.contains(place) || mayHaveMoved(write);
        require(isKnownPlace, "data of another place at ", at);
        require(!write.gone || write.strayPlaces.contains(place), "came back: ", write);
        return write;
    }

    /**
     * Returns whether an append may have moved. If it is sent again after a reset it goes elsewhere, and a read before
     * the reset shows its old place.
     */
    private boolean mayHaveMoved(IoCall write) {
        return write.sentAgain && resets.stream().anyMatch(reset -> reset.ended > write.begun);
    }

    /**
     * Returns the write that this data belongs to, of those with the same data: the one whose absence would be the
     * worst now, and among equals the one that may be lost the longest.
     */
    private IoCall patternAt(long place, int stamp) {
        IoCall found = null;
        int rankOfFound = 0;
        for (IoCall write : stamps) {
            if (write.isWrite() && TestData.stampOf(TestData.stampAt(write.data, 0)) == stamp) {
                int rank = rankAt(write, place);
                if (rank > rankOfFound || (found != null && rank == rankOfFound && isLosableLonger(write, found))) {
                    found = write;
                    rankOfFound = rank;
                }
            }
        }
        if (found == null) {
            throw new AssertionError("zone " + index + ": data of no write that can be at " + place);
        }
        return found;
    }

    private static boolean isLosableLonger(IoCall write, IoCall other) {
        return write.forceUnitAccess == other.forceUnitAccess ? write.ended > other.ended : other.forceUnitAccess;
    }

    private int rankAt(IoCall write, long place) {
        if (write.place != place || write.gone) {
            return write.strayPlaces.contains(place) ? 1 : 0;
        }
        if (!canBeThere(write)) {
            return 2;
        }
        if (!write.succeeded()) {
            return write.settled ? 4 : 3;
        }
        return mustBeThere(write) ? 6 : 5;
    }

    private boolean canBeThere(IoCall write) {
        return (write.succeeded() || write.forceUnitAccess || write.sentAgain || !write.done) && !isErased(write);
    }

    private boolean mustBeThere(IoCall call) {
        return call.succeeded() && !call.losable && !canBeErased(call.begun);
    }

    private boolean canBeErased(long begun) {
        for (IoCall reset : resets) {
            if (mayHaveErased(reset) && reset.ended > begun) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns whether a reset may have erased this zone. A failed reset of all zones may have failed only for others.
     */
    private static boolean mayHaveErased(IoCall reset) {
        return reset.succeeded() || reset.crashed || (reset.done && reset.op == BlockOp.ZONE_RESET_ALL);
    }

    private boolean isErased(IoCall call) {
        for (IoCall reset : resets) {
            if (reset.succeeded() && !reset.undoable && reset.begun > call.ended) {
                return true;
            }
        }
        return false;
    }

    private boolean canBeFinished() {
        if (mayBeFinished) {
            return true;
        }
        if (finished && resets.stream().noneMatch(reset -> reset.succeeded() && !reset.undoable)) {
            return true;
        }
        for (IoCall finish : finishes) {
            if ((finish.succeeded() || !finish.done) && !isErased(finish)) {
                return true;
            }
        }
        return false;
    }

    /** Forgets writes that cannot be seen now, because they cannot appear later. */
    private void forget(boolean opened, boolean byFinish, boolean full) {
        for (IoCall write : writes) {
            unsettleIfErased(write);
            write.gone = write.visibleSectors == 0 && !write.survivesServer;
            if (write.gone && canBeErased(write.begun)) {
                erased.addWrite(write);
            }
            write.settled |= opened && write.visibleSectors > 0;
            write.losable = false;
        }
        writes.removeIf(write -> write.gone);
        mayBeTorn &= !opened;
        mayBeFinished &= !opened;
        if (opened) {
            resets.removeIf(reset -> !reset.survivesServer);
            finishes.removeIf(finish -> !finish.survivesServer);
            finished = byFinish;
            return;
        }
        if (finished || !finishes.isEmpty()) {
            erased.addFinish();
        }
        finishes.removeIf(finish -> !full || isErased(finish));
        for (IoCall finish : finishes) {
            finish.losable |= canBeErased(finish.begun);
        }
        finished &= full && resets.stream().noneMatch(IoCall::succeeded);
        resets.stream().filter(IoCall::succeeded).forEach(erased::addReset);
        resets.removeIf(IoCall::succeeded);
    }

    private void checkConventional(byte[] data, boolean opened) {
        for (int i = 0; i < words.length; i++) {
            long found = TestData.sectorWord(data, i * SECTOR);
            long address = start + (long) i * SECTOR;
            boolean allowed = found == words[i];
            for (IoCall write : writes) {
                if (covers(write, address)) {
                    boolean shows = found == wordOf(write, address);
                    allowed = shows || (allowed && !(write.succeeded() && !write.losable));
                }
            }
            require(allowed, "wrong data at sector ", i);
            if (opened) {
                words[i] = found;
            }
        }
        if (opened) {
            writes.removeIf(write -> !write.survivesServer);
        }
    }

    private static boolean covers(IoCall write, long address) {
        return address >= write.place && address < write.endPlace();
    }

    private static long wordOf(IoCall write, long address) {
        return TestData.wordAt(write.data, (int) (address - write.place));
    }

    /** Checks the results of the reads since the last check. */
    private void checkReads() {
        for (IoCall read : reads) {
            if (read.succeeded()) {
                checkRead(read);
            }
        }
        reads.clear();
    }

    private void checkRead(IoCall read) {
        for (int at = 0; at < read.data.length; at += SECTOR) {
            long word = TestData.wordAt(read.data, at);
            if (word != 0) {
                writeOf(word, read.offset + at - start);
            }
        }
        if (conventional) {
            return;
        }
        for (IoCall write : writes) {
            if (write.ended < read.begun) {
                checkShows(read, write);
            }
        }
    }

    private void checkShows(IoCall read, IoCall write) {
        boolean erased = false;
        boolean touched = false;
        for (IoCall reset : resets) {
            erased |= reset.succeeded() && reset.begun > write.ended && reset.ended < read.begun;
            touched |= reset.ended > write.begun;
        }
        // Data that looks the same may belong to another write.
        erased &= !TestData.isPattern(TestData.stampOf(TestData.stampAt(write.data, 0)));
        boolean mustShow = write.succeeded() && !touched && !write.losable;
        long to = Math.min(write.endPlace(), read.offset + read.data.length);
        for (long address = Math.max(write.place, read.offset); address < to; address += SECTOR) {
            boolean shows = TestData.wordAt(read.data, (int) (address - read.offset)) == wordOf(write, address);
            require(shows || !mustShow, "a read does not show ", write);
            require(!shows || !erased, "a read shows what was reset: ", write);
        }
    }

    private void require(boolean condition, String problem) {
        require(condition, problem, "");
    }

    private void require(boolean condition, String problem, Object what) {
        if (!condition) {
            throw new AssertionError("zone " + index + ": " + problem + what);
        }
    }
}
