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
 * An image file in memory, sparse, on a disk that knows what has been synced and in which order the rest was written:
 * {@link #cutPower} leaves of the unsynced changes what the test says, sector by sector. Calls can be made to fail, and
 * to be the last one before a crash. Belongs to one thread.
 *
 * <p>A sync that fails loses changes as Linux does: no later sync writes them, the cache shows them until the page is
 * dropped ({@link #evictClean}), and then the file reads as the disk has it.
 */
@SuppressWarnings("EnumOrdinal") // numbers of one run only
public final class SimulatedDisk implements ImageFile {

    /** What was done to the file; the data calls come from the {@link FakePort}s. */
    public enum Call {
        READ,
        WRITE,
        DATA_READ,
        DATA_WRITE,
        PUNCH,
        SET_SIZE,
        SYNC
    }

    /** A call, for a test to look at. */
    public record Event(Call call, long offset, long length) {}

    /** Decides whether a call fails. */
    @FunctionalInterface
    public interface Faults {
        /** Returns 0, or the errno that the call fails with; of a write, the first half of its sectors is done. */
        int errno(Call call, long offset, long length);
    }

    /** Is told of every call, when the call has had its effect in memory and none on the disk. */
    @FunctionalInterface
    public interface Listener {
        void called(Call call, long offset, long length);
    }

    /** Decides what is left of unsynced changes after a power cut. */
    @FunctionalInterface
    public interface Survival {
        /**
         * Whether a sector of a change is on the disk.
         *
         * @param change the number of the change since the last sync, in the order in which they were made
         * @param sector the number of the sector within it; always 0 for a change of the file's size
         */
        boolean survives(int change, int sector);

        Survival NOTHING = (change, sector) -> false;
    }

    private static final int SECTOR = TestData.SECTOR;

    /** What the file reads now; marked where it was synced last, unless a sync has failed. */
    private final SparseBytes file = new SparseBytes();

    /** What is on the disk, once a sync has failed. */
    private @Nullable SparseBytes platter;

    private final List<DiskChange> unsynced = new ArrayList<>();

    public final List<Event> events = new ArrayList<>();
    private Listener listener = (call, offset, length) -> events.add(new Event(call, offset, length));
    private Faults faults = (call, offset, length) -> 0;
    private Survival survivesFailedSync = Survival.NOTHING;
    private @Nullable Barrier missingBarrier;
    private boolean wasLeftOut; // the last sync

    /** Lets calls fail from now on. */
    public void failWhere(Faults newFaults) {
        faults = newFaults;
    }

    public void failNothing() {
        faults = (call, offset, length) -> 0;
    }

    /** Is told of the calls from now on; they are no longer kept as {@link #events}. */
    public void listen(Listener newListener) {
        listener = newListener;
    }

    /** From now on the disk does nothing when it is to sync for this reason. */
    public void leaveOut(@Nullable Barrier barrier) {
        missingBarrier = barrier;
    }

    /** Whether the file reads otherwise than the disk does, by changes that a failed sync lost. */
    public boolean hasLostChanges() {
        return platter != null;
    }

    /** From now on a failed sync writes what survives. */
    void loseInFailedSync(Survival survival) {
        survivesFailedSync = survival;
    }

    /** How many changes no sync has covered. */
    public int unsyncedChanges() {
        return unsynced.size();
    }

    /** Whether an unsynced change is to what {@link #ignoreInHashes} named. */
    boolean isIgnored(int change) {
        return file.isIgnored(unsynced.get(change).offset());
    }

    /** From now on no hash of this disk, or of a copy of it, depends on this range. */
    void ignoreInHashes(long offset, int length) {
        file.ignoreInHashes(offset, length);
    }

    /** Forgets everything that was not synced, and what calls were made. */
    public void cutPower() {
        cutPower(Survival.NOTHING);
        events.clear();
    }

    /** Forgets what was not synced, but for what survives; that is durable then. */
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

    /** The kernel drops all clean pages from its cache, as it may at any time. */
    public void evictClean() {
        if (platter != null) {
            file.replaceBy(platter);
            platter = null;
            unsynced.forEach(change -> change.apply(file));
        }
    }

    /** Makes changes durable, or loses them but for what survives. */
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

    /** What the disk would be after a power cut now; this one goes on as if nothing had happened. */
    public SimulatedDisk afterPowerCut(Survival survival) {
        SimulatedDisk after = fork();
        after.cutPower(survival);
        return after;
    }

    /** A disk of its own in the same state. */
    public SimulatedDisk fork() {
        SimulatedDisk fork = new SimulatedDisk();
        fork.become(this);
        return fork;
    }

    /** From now on this disk has the state that another one has now. */
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

    /** A disk of its own with the same file, all of it durable. */
    public SimulatedDisk copy() {
        SimulatedDisk copy = new SimulatedDisk();
        copy.copyFrom(this);
        return copy;
    }

    /** Makes this empty file the same as another one, all of it durable. */
    public void copyFrom(SimulatedDisk other) {
        file.copyFrom(other.file);
    }

    /** Whether both files read the same. */
    public boolean sameBytes(SimulatedDisk other) {
        return file.sameBytes(other.file);
    }

    /** A number that follows from what the file reads. */
    public long contentHash() {
        return file.contentHash();
    }

    /** A number that follows from what the file reads, and from all that it can read after a power cut. */
    public long stateHash() {
        long hash = file.contentHash() + 31 * file.markedHash();
        for (DiskChange change : unsynced) {
            if (!file.isIgnored(change.offset())) {
                hash = change.hash(hash);
            }
        }
        return hash;
    }

    /** How many bytes of the file are not holes, in whole pages. */
    public long allocatedBytes() {
        return file.allocatedBytes();
    }

    public boolean isHole(long offset, long length) {
        return file.isHole(offset, offset + length);
    }

    /** Whether the range reads as zeros. */
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
        try {
            failOrNot(Call.SYNC, barrier.ordinal(), 0);
        } catch (ImageIoException e) {
            writeBack(true);
            throw e;
        }
        listener.called(Call.SYNC, barrier.ordinal(), 0);
        wasLeftOut = barrier == missingBarrier;
        if (!wasLeftOut) {
            writeBack(false);
        }
    }

    /** What a sync would have written that was left out is lost: nobody hears of it. */
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

    /** A data port's read: bytes past the end of the file are zeros. */
    public void readData(long offset, byte[] target, int at, int length) {
        file.read(offset, MemorySegment.ofArray(target).asSlice(at, length));
        listener.called(Call.DATA_READ, offset, length);
    }

    /** A data port's write; {@code source} does not change any more. */
    public void writeData(long offset, byte[] source, int at, int length) {
        change(new DiskChange(Call.DATA_WRITE, offset, length, source, at));
    }

    /** Looks into the file; no call of the engine. */
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
