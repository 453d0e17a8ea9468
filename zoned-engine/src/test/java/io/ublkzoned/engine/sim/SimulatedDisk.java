package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageIoException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A sparse image file in memory, on a disk that knows what has been synced and the order of all other writes.
 * {@link #cutPower} keeps those unsynced changes that the test selects, sector by sector. Calls can be made to fail, or
 * to be the last one before a crash. Belongs to one thread.
 *
 * <p>A sync that fails loses changes as on Linux: no later sync writes them, the cache shows them until the page is
 * dropped ({@link #evictClean}), and then the file reads as the disk has it.
 */
@SuppressWarnings("EnumOrdinal") // ordinals only within one run
public final class SimulatedDisk implements ImageFile {

    /** An operation on the file. The data calls come from the {@link FakePort}s. */
    public enum Call {
        READ,
        WRITE,
        DATA_READ,
        DATA_WRITE,
        PUNCH,
        SET_SIZE,
        SYNC
    }

    /** A call, for a test to examine. */
    public record Event(Call call, long offset, long length) {}

    /** A decision whether a call fails. */
    @FunctionalInterface
    public interface Faults {
        /** Returns 0, or the errno that the call fails with. The first half of a failed write's sectors is done. */
        int errno(Call call, long offset, long length);
    }

    /** A listener for every call. It runs when the call has had its effect in memory but none on the disk. */
    @FunctionalInterface
    public interface Listener {
        void called(Call call, long offset, long length);
    }

    /** A decision which unsynced changes survive a power cut. */
    @FunctionalInterface
    public interface Survival {
        /**
         * Returns whether a sector of a change is on the disk.
         *
         * @param change the number of the change since the last sync, in the order in which they were made
         * @param sector the number of the sector within it; always 0 for a change of the file's size
         */
        boolean survives(int change, int sector);

        Survival NOTHING = (change, sector) -> false;
    }

    private static final int SECTOR = TestData.SECTOR;

    /** The current contents of the file, marked at the last sync, unless a sync has failed. */
    private final SparseBytes file = new SparseBytes();

    /** The contents of the disk after a failed sync. */
    private @Nullable SparseBytes platter;

    private final List<DiskChange> unsynced = new ArrayList<>();

    public final List<Event> events = new ArrayList<>();
    private Listener listener = (call, offset, length) -> events.add(new Event(call, offset, length));
    private Faults faults = (call, offset, length) -> 0;
    private Survival survivesFailedSync = Survival.NOTHING;
    private @Nullable Barrier missingBarrier;
    private boolean wasLeftOut; // the last sync
    private int syncs;

    /** Makes calls fail from now on. */
    public void failWhere(Faults newFaults) {
        faults = newFaults;
    }

    public void failNothing() {
        faults = (call, offset, length) -> 0;
    }

    /** Sets a listener for the calls from now on. They are no longer kept in {@link #events}. */
    public void listen(Listener newListener) {
        listener = newListener;
    }

    /** Makes the disk ignore syncs for this reason from now on. */
    public void leaveOut(@Nullable Barrier barrier) {
        missingBarrier = barrier;
    }

    /** Returns whether the file and the disk differ by changes that a failed sync lost. */
    public boolean hasLostChanges() {
        return platter != null;
    }

    /** Makes a failed sync write the surviving changes from now on. */
    void loseInFailedSync(Survival survival) {
        survivesFailedSync = survival;
    }

    /** Returns the number of unsynced changes. */
    public int unsyncedChanges() {
        return unsynced.size();
    }

    /** Returns whether an unsynced change is in the range that {@link #ignoreInHashes} named. */
    boolean isIgnored(int change) {
        return file.isIgnored(unsynced.get(change).offset());
    }

    /** Excludes this range from all hashes of this disk and its copies from now on. */
    void ignoreInHashes(long offset, int length) {
        file.ignoreInHashes(offset, length);
    }

    /** Discards all unsynced changes and the record of calls. */
    public void cutPower() {
        cutPower(Survival.NOTHING);
        events.clear();
    }

    /** Discards the unsynced changes that do not survive. The others are then durable. */
    public void cutPower(Survival survival) {
        if (platter == null) {
            file.goBack();
        } else {
            file.replaceBy(platter);
            platter = null;
        }
        replayUnsynced(file, survival);
        makeDurable();
    }

    /** Drops all clean pages from the cache, as the kernel may at any time. */
    public void evictClean() {
        if (platter != null) {
            file.replaceBy(platter);
            platter = null;
            unsynced.forEach(change -> change.apply(file));
        }
    }

    /** Makes changes durable, or loses those that do not survive. */
    private void writeBack(boolean fails) {
        if (!fails && platter == null) {
            makeDurable();
            return;
        }
        SparseBytes written = platter;
        if (written == null) {
            written = new SparseBytes();
            written.forkFrom(file);
            written.goBack();
            platter = written;
        }
        replayUnsynced(written, fails ? survivesFailedSync : (change, sector) -> true);
        unsynced.clear();
    }

    private void replayUnsynced(SparseBytes target, Survival survival) {
        for (int i = 0; i < unsynced.size(); i++) {
            unsynced.get(i).apply(target, i, survival);
        }
    }

    private void makeDurable() {
        unsynced.clear();
        file.mark();
    }

    /** Returns the disk after a power cut now. This disk continues unaffected. */
    public SimulatedDisk afterPowerCut(Survival survival) {
        SimulatedDisk after = fork();
        after.cutPower(survival);
        return after;
    }

    /** Returns an independent disk in the same state. */
    public SimulatedDisk fork() {
        SimulatedDisk fork = new SimulatedDisk();
        fork.become(this);
        return fork;
    }

    /** Replaces the state of this disk with the current state of another one. */
    void become(SimulatedDisk other) {
        file.clear();
        file.forkFrom(other.file);
        unsynced.clear();
        unsynced.addAll(other.unsynced);
        platter = null;
        if (other.platter != null) {
            platter = new SparseBytes();
            platter.copyFrom(other.platter);
        }
    }

    /** Returns an independent disk with the same file, all of it durable. */
    public SimulatedDisk copy() {
        SimulatedDisk copy = new SimulatedDisk();
        copy.copyFrom(this);
        return copy;
    }

    /** Copies another file to this empty one, all of it durable. */
    public void copyFrom(SimulatedDisk other) {
        file.copyFrom(other.file);
    }

    /** Returns whether both files have the same contents. */
    public boolean sameBytes(SimulatedDisk other) {
        return file.sameBytes(other.file);
    }

    /** Returns a hash of the file's contents. */
    public long contentHash() {
        return file.contentHash();
    }

    /** Returns a hash of the file's contents and of all contents that it can have after a power cut. */
    public long stateHash() {
        long hash = file.contentHash() + 31 * file.markedHash();
        for (DiskChange change : unsynced) {
            if (!file.isIgnored(change.offset())) {
                hash = change.hash(hash);
            }
        }
        return hash;
    }

    /** Returns the number of bytes of the file that are not holes, in whole pages. */
    public long allocatedBytes() {
        return file.allocatedBytes();
    }

    public boolean isHole(long offset, long length) {
        return file.isHole(offset, offset + length);
    }

    /** Returns whether the range reads as zeros. */
    public boolean isZero(long offset, long length) {
        return file.isZero(offset, offset + length);
    }

    @Override
    public long sizeBytes() {
        return file.size();
    }

    @Override
    public void read(MemorySegment target, long offset) throws IOException {
        failOrNot(Call.READ, offset, target.byteSize());
        if (offset + target.byteSize() > file.size()) {
            throw new EOFException();
        }
        file.read(offset, target);
        listener.called(Call.READ, offset, target.byteSize());
    }

    @Override
    public long nextData(long offset) {
        return file.nextData(offset);
    }

    @Override
    public long nextHole(long offset) {
        return file.nextHole(offset);
    }

    @Override
    public void write(MemorySegment source, long offset) throws IOException {
        byte[] bytes = new byte[(int) source.byteSize()];
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
        try {
            failOrNot(Call.WRITE, offset, bytes.length);
        } catch (ImageIoException e) {
            int half = bytes.length / SECTOR / 2 * SECTOR;
            if (half > 0) {
                change(new DiskChange(Call.WRITE, offset, half, bytes, 0));
            }
            throw e;
        }
        change(new DiskChange(Call.WRITE, offset, bytes.length, bytes, 0));
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        sync(barrier, () -> {});
    }

    /**
     * Calls {@code meanwhile} once, alternately before and after the changes become durable. In the second case the sync
     * does not cover its writes.
     */
    @Override
    public void sync(Barrier barrier, Runnable meanwhile) throws IOException {
        try {
            failOrNot(Call.SYNC, barrier.ordinal(), 0);
        } catch (ImageIoException e) {
            meanwhile.run();
            writeBack(true);
            throw e;
        }
        listener.called(Call.SYNC, barrier.ordinal(), 0);
        boolean coversMeanwhile = syncs++ % 2 == 0;
        if (coversMeanwhile) {
            meanwhile.run();
        }
        wasLeftOut = barrier == missingBarrier;
        if (!wasLeftOut) {
            writeBack(false);
        }
        if (!coversMeanwhile) {
            meanwhile.run();
        }
    }

    /** Loses the changes of a sync that was left out, without an error. */
    @Override
    public void discardCache() {
        writeBack(wasLeftOut || faults.errno(Call.SYNC, 0, 0) != 0);
        evictClean();
        file.mark();
    }

    @Override
    public void punchHole(long offset, long length) throws IOException {
        failOrNot(Call.PUNCH, offset, length);
        long end = Math.min(offset + length, file.size());
        if (end > offset) {
            change(new DiskChange(Call.PUNCH, offset, end - offset, null, 0));
        }
    }

    @Override
    public void setSize(long newSize) throws IOException {
        failOrNot(Call.SET_SIZE, newSize, 0);
        unsynced.add(new DiskChange(Call.SET_SIZE, newSize, 0, null, 0));
        file.resize(newSize);
        listener.called(Call.SET_SIZE, newSize, 0);
    }

    /** Implements a data port's read. Bytes past the end of the file are zeros. */
    public void readData(long offset, byte[] target, int at, int length) {
        file.read(offset, MemorySegment.ofArray(target).asSlice(at, length));
        listener.called(Call.DATA_READ, offset, length);
    }

    /** Implements a data port's write; {@code source} must not change afterwards. */
    public void writeData(long offset, byte[] source, int at, int length) {
        change(new DiskChange(Call.DATA_WRITE, offset, length, source, at));
    }

    /** Reads the file without a call of the engine. */
    public byte[] peek(long offset, int length) {
        byte[] bytes = new byte[length];
        file.read(offset, MemorySegment.ofArray(bytes));
        return bytes;
    }

    private void failOrNot(Call call, long offset, long length) throws ImageIoException {
        int errno = faults.errno(call, offset, length);
        if (errno != 0) {
            throw new ImageIoException("made to fail: " + call + " at " + offset, errno);
        }
    }

    private void change(DiskChange change) {
        unsynced.add(change);
        change.apply(file);
        listener.called(change.call(), change.offset(), change.length());
    }
}
