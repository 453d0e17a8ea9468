package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.ClusterAllocator;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.writelog.LogWriter;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A zoned block device on a qcow2 image: the entry point of the engine.
 *
 * <p>{@link #submit}, {@link #proceed} and {@link #partCompleted} are the data path. The queue threads call them, each
 * with its own queue's requests. One lock guards all state, and is held only for work in memory. Data moves through the
 * queue's {@link DataPort} without the lock, and a read ends without it. One further thread does the metadata I/O
 * (mappings, flush, reset, finish) in {@link #maintain}.
 */
public final class ZonedDevice implements Closeable {

    private final Object lock = new Object();
    private final FailureLog failures = new FailureLog();
    private final SyncGuard file;
    private final DeviceGeometry geometry;
    private final int clusterSizeBytes;
    private final DeviceZones zones;
    private final ZoneStateMachine rules;
    private final ClusterAllocator allocator;
    private final Recorder recorder = new Recorder(failures);
    private final UnflushedResets resets;
    private final PendingWork work;
    private final ZoneMapIo maps;
    private final MetadataWriter metadata;
    private final ChangeWriter changes;
    private final RequestStarter starter;
    private final WriteCompleter completer;
    private final DeviceFaults faults;
    private final PowerLoss powerLoss;

    private ZonedDevice(Qcow2Image image, SyncGuard file, Runnable metadataWakeUp) {
        this.file = file;
        geometry = image.geometry();
        clusterSizeBytes = 1 << image.clusterBits();
        zones = new DeviceZones(lock, geometry, image.writePointers()::get, image.failedZones()::condition);
        rules = new ZoneStateMachine(zones.table(), geometry);
        allocator = image.allocator();
        allocator.guardBy(lock);
        RequestMapper mapper = new RequestMapper(allocator, image.clusterBits());
        resets = new UnflushedResets(mapper);
        ZoneChanges zoneChanges = new ZoneChanges(zones, rules, mapper, resets, recorder, failures);
        work = new PendingWork(lock, mapper, allocator, resets, zoneChanges, metadataWakeUp);
        starter = new RequestStarter(geometry, zones, rules, mapper, work, recorder);
        completer = new WriteCompleter(zones, rules, work, recorder, failures);
        faults = new DeviceFaults(lock, zones, resets, starter, work, failures);
        powerLoss = new PowerLoss(zones, resets, image.writePointers());

        DeviceContext context = new DeviceContext(image, file, failures, zones.journal());
        maps = new ZoneMapIo(context, work);
        ReleasedSpace space = new ReleasedSpace(context, work);
        metadata = new MetadataWriter(context, work, maps, space);
        changes = new ChangeWriter(work, metadata, maps, space, failures);
    }

    /**
     * Opens an image for writing, and first recovers it if it was not closed. Call {@link #begin} before the first
     * request.
     *
     * @param file the image, which no one else writes
     * @param metadataWakeUp called when {@link #maintain} has work, possibly under the device's lock
     * @throws ImageFormatException if the image cannot be used; the message says why
     */
    public static ZonedDevice open(ImageFile file, Runnable metadataWakeUp) throws IOException {
        return open(new SyncGuard(file), metadataWakeUp);
    }

    private static ZonedDevice open(SyncGuard file, Runnable metadataWakeUp) throws IOException {
        return new ZonedDevice(Qcow2Image.open(file, Access.READ_WRITE), file, metadataWakeUp);
    }

    /**
     * Opens the image of a device whose server died. Its zones are as that server last acknowledged them, or, after a
     * failed sync, as they were last flushed. If the server did close the image, it is opened normally.
     *
     * @param left the state that the server left
     * @param found the identity of the image file
     * @throws StateException if the state does not belong to this image, or the image lacks acknowledged data; the
     *     image is unchanged
     */
    public static ZonedDevice reopen(ImageFile file, DeviceState left, ImageIdentity found, Runnable metadataWakeUp)
            throws IOException {
        ZonedDevice device = reopen(new SyncGuard(file), left, found, metadataWakeUp);
        left.setImage(found);
        return device;
    }

    private static ZonedDevice reopen(SyncGuard file, DeviceState left, ImageIdentity found, Runnable metadataWakeUp)
            throws IOException {
        if (!left.wasBegun()) {
            return open(file, metadataWakeUp);
        }
        file.protect(left);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
        StateCheck check = new StateCheck(file, image, left, found);
        if (check.requireSameAttach() || !left.isValid()) {
            return open(file, metadataWakeUp);
        }
        check.requireAcknowledgedData();
        ZonedDevice device = new ZonedDevice(Qcow2Image.recover(file, left::writePointerBytes), file, metadataWakeUp);
        synchronized (device.lock) {
            device.zones.restore(left);
        }
        return device;
    }

    /**
     * Durably marks the image as in use, and from now on records acknowledged changes in {@code state} too.
     *
     * @param state a state prepared for this device, or the state of the last server as given to {@link #reopen}
     */
    public void begin(DeviceState state) throws IOException {
        file.protect(state);
        metadata.begin(state);
        synchronized (lock) {
            zones.begin(state);
        }
    }

    public DeviceGeometry geometry() {
        return geometry;
    }

    /** Returns the cluster size. Data and metadata share no cluster. */
    public int clusterSizeBytes() {
        return clusterSizeBytes;
    }

    /** Returns whether all zones are empty, and the conventional ones were never written. Called before {@link #begin}. */
    public boolean isEmpty() throws IOException {
        return zones.areEmpty() && metadata.hasNoData();
    }

    /** Starts a request that its queue has just filled in. */
    public void submit(BlockRequest request) {
        int outcome;
        synchronized (lock) {
            try {
                outcome = countTransfer(request, faults.start(request));
            } catch (RuntimeException | VirtualMachineError e) {
                outcome = failures.logAndGetErrno("starting a request", e);
            }
        }
        run(request, outcome);
    }

    /** Counts a request that moves data in its zone, from here to the completion of its last part. */
    private int countTransfer(BlockRequest request, int outcome) {
        if (outcome == RequestStarter.TRANSFER) {
            ActiveZone zone = zones.at(request.offsetBytes());
            zone.beginTransfer();
            request.zone = zone;
            DeviceFaults.beforeTransfer(request);
        }
        return outcome;
    }

    /**
     * Advances a request from the outcome of its start as far as possible on this thread: to its completion, or to a
     * wait.
     */
    private void run(BlockRequest request, int startOutcome) {
        int outcome = startOutcome;
        while (outcome == RequestStarter.TRANSFER) {
            if (!transfer(request)) {
                return;
            }
            outcome = endTransfer(request);
        }
        if (outcome != RequestStarter.WAITING) {
            complete(request, outcome);
        }
    }

    private void complete(BlockRequest request, int result) {
        recorder.write(request, result);
        request.queue().completed(request, faults.resultForKernel(request, result));
    }

    /** Continues a request that {@link RequestQueue#handOver} received. */
    public void proceed(BlockRequest request) {
        switch (request.step) {
            case START -> submit(request);
            case COMPLETE -> complete(request, request.result);
        }
    }

    /** Moves the request's parts, without the lock. Returns whether all have ended. */
    private boolean transfer(BlockRequest request) {
        DataPort port = request.queue().dataPort();
        request.partsPending = request.partCount;
        int at = 0;
        for (int i = 0; i < request.partCount; i++) {
            int length = request.partLength[i];
            int result;
            try {
                result = move(port, request, at, request.partImageOffset[i], length);
            } catch (RuntimeException | VirtualMachineError e) {
                result = failures.logAndGetErrno("moving data", e);
            }
            if (result != DataPort.PENDING) {
                endPart(request, result);
            }
            at += length;
        }
        return request.partsPending == 0;
    }

    private int move(DataPort port, BlockRequest request, int at, long imageOffset, int length) {
        if (request.isCompared()) {
            return port.comparePart(request, at, imageOffset, length);
        } else if (request.fault != null && request.fault.isErasedAt(at)) {
            return port.erasePart(imageOffset, length);
        } else if (request.op() != BlockOp.READ) {
            if (request.journaled) {
                zones.journal().save(request, at, imageOffset, length, zones.blockBytes());
            }
            return port.writePart(request, at, imageOffset, length);
        } else if (imageOffset == HOLE) {
            return port.zeroPart(request, at, length);
        } else {
            return port.readPart(request, at, imageOffset, length);
        }
    }

    private static void endPart(BlockRequest request, int result) {
        if (result < 0 && request.result == 0) {
            request.result = -BlockErrors.ofFailedIo(-result);
        } else if (result == 0 && request.isCompared()) {
            request.repeat = BlockRequest.Repeat.DIFFERENT;
        }
        request.partsPending--;
    }

    /**
     * Ends a part that was {@link DataPort#PENDING}, after the data port has moved it or failed. Called on the queue's
     * thread.
     *
     * @param result the result as {@link DataPort} returns it; {@link BlockErrors#ofFailedIo} converts an errno
     */
    public void partCompleted(BlockRequest request, int result) {
        endPart(request, result);
        if (request.partsPending == 0) {
            run(request, endTransfer(request));
        }
    }

    /**
     * Ends a transfer whose parts have all been moved or failed. Returns the same values as
     * {@link RequestStarter#start}.
     */
    private int endTransfer(BlockRequest request) {
        ActiveZone zone = Objects.requireNonNull(request.zone);
        if (request.result == 0) {
            request.result = DeviceFaults.resultOfTransfer(request);
        }
        if (request.op() == BlockOp.READ) {
            // Changes no state but one count, so that readers of several queues meet at the lock once per request.
            if (zone.endRead()) {
                work.transferEnded();
            }
            return request.result;
        }
        synchronized (lock) {
            boolean isAwaited = zone.endTransfer();
            int outcome;
            try {
                outcome = outcomeOfTransfer(zone, request);
            } catch (RuntimeException | VirtualMachineError e) {
                outcome = failures.logAndGetErrno("ending a transfer", e);
            }
            if (isAwaited) {
                work.transferEnded();
            }
            return outcome;
        }
    }

    private int outcomeOfTransfer(ActiveZone zone, BlockRequest request) {
        if (request.isCompared()) {
            return countTransfer(request, starter.endComparison(request));
        }
        return completer.endWrite(zone, request) ? request.result : RequestStarter.WAITING;
    }

    /**
     * Forgets an append, failed or not, before its result is offered to the kernel. Called on the queue's thread before
     * the kernel can take the result; otherwise, if the server dies in between, a later append of that tag could
     * complete with the same place.
     */
    public void answering(BlockRequest append) {
        synchronized (lock) {
            try {
                zones.forgetAppend(append);
            } catch (RuntimeException | VirtualMachineError e) {
                failures.logAndGetErrno("forgetting an append", e);
            }
        }
    }

    /**
     * Does the pending metadata I/O: mappings, flushes, resets. Blocks. One thread calls it, and then waits for the
     * next wake-up.
     */
    public void maintain() {
        boolean worked = true;
        while (worked) {
            worked = maps.run();
            worked |= metadata.run();
            worked |= changes.run();
        }
    }

    /**
     * Records everything that the device carries out from now on. Called before the first request.
     *
     * @param log the log, which the caller closes after the device
     * @param image the image, for reading on any thread
     */
    public void record(LogWriter log, ImageFile image) {
        recorder.begin(log, image);
        faults.deviceIsRecorded();
    }

    /**
     * Puts a mark into the log of a device that is recorded. It follows everything that has been acknowledged. Any
     * thread may call this. Blocks.
     *
     * @throws IOException with a sentence if the device is not recorded, the name is too long, or the log has ended
     */
    public void mark(String name) throws IOException {
        recorder.mark(name);
    }

    /** Returns the faults that the device shows. */
    public DeviceFaults faults() {
        return faults;
    }

    /**
     * Makes zones read-only or offline, like a drive whose zones wear out, or lets them recover. Recovered zones are as
     * after a power cycle, with the data they had. The image stores the conditions. Any thread may call this.
     *
     * @param condition READ_ONLY or OFFLINE, null to recover
     * @return a future that completes on the thread of {@link #maintain} once the change is durable; exceptionally with
     *     an IOException whose message is a sentence for the user
     */
    public CompletableFuture<@Nullable Void> changeCondition(int first, int count, @Nullable ZoneCondition condition) {
        if (first < geometry.conventionalZones() || count < 1 || count > geometry.zoneCount() - first) {
            return CompletableFuture.failedFuture(
                    new IOException("the sequential zones are %d to %d: others cannot be read-only or offline"
                            .formatted(geometry.conventionalZones(), geometry.zoneCount() - 1)));
        }
        if (recorder.isOn()) {
            return CompletableFuture.failedFuture(
                    new IOException(
                            "the device is recorded, and its log cannot show read-only and offline zones: add it without --record"));
        }
        synchronized (lock) {
            List<ActiveZone> worn = IntStream.range(first, first + count)
                    .mapToObj(zones::active)
                    .toList();
            ZoneChange.Wear wear = new ZoneChange.Wear(worn, condition);
            work.add(wear);
            return wear.done;
        }
    }

    /**
     * Withdraws a change of conditions that still waits for writes of its zones. Any thread may call this.
     *
     * @param change the future that {@link #changeCondition} returned
     * @return false if the change has begun or ended; its future then completes normally
     */
    public boolean withdraw(CompletableFuture<?> change) {
        synchronized (lock) {
            return work.withdraw(change);
        }
    }

    /**
     * Reports {@code count} zones from {@code first}, as they are at one moment. The visitor must not call the device.
     */
    public void report(int first, int count, ZoneVisitor visitor) {
        synchronized (lock) {
            zones.report(first, count, visitor);
        }
    }

    /** Returns the device's counts as they are at one moment. Any thread may call this. */
    public ZoneCounts counts() {
        synchronized (lock) {
            return new ZoneCounts(
                    zones.table().openCount(),
                    zones.table().activeCount(),
                    rules.implicitCloses(),
                    rules.resets(),
                    allocator.usedClusters() * clusterSizeBytes);
        }
    }

    /**
     * Returns for each of {@code count} zones from {@code first} the number of requests that have begun to move data in
     * it since the attach, modulo 2^32. Any thread may call this.
     */
    public int[] requestsPerZone(int first, int count) {
        int[] requests = new int[count];
        synchronized (lock) {
            for (int i = 0; i < count; i++) {
                ActiveZone zone = zones.ifActive(first + i);
                requests[i] = zone == null ? 0 : zone.requests();
            }
        }
        return requests;
    }

    /** Returns the latest changes of a zone's condition, the oldest first. Any thread may call this. */
    public List<ConditionChange> history(int zone) {
        synchronized (lock) {
            return zones.history().of(zone);
        }
    }

    /**
     * Writes all metadata and marks the image as closed. The queues and the thread of {@link #maintain} must have
     * ended. If the power was cut, only what survives that is written.
     *
     * @throws IOException if that failed; the image then counts as not closed, and is recovered at the next open
     */
    @Override
    public void close() throws IOException {
        PowerCut cut = faults.powerCut();
        if (cut != null) {
            losePower(cut);
        }
        synchronized (lock) {
            resets.switchOn(false);
            zones.forEachActive(work::releaseAhead);
        }
        metadata.end();
    }

    /**
     * Drops what a power cut loses. If this process dies meanwhile, the image is recovered as it was last flushed, with the
     * resets since then.
     */
    private void losePower(PowerCut cut) throws IOException {
        List<ActiveZone> changed;
        synchronized (lock) {
            changed = powerLoss.apply(cut);
            changed.forEach(work::markDirty);
            zones.forEachActive(work::markDirtyIfStale); // the requests for which space was mapped have failed
        }
        for (ActiveZone zone : changed) {
            if (metadata.clearTail(zone) != 0) {
                throw new IOException("the power cut is incomplete: zone %d has data above its write pointer"
                        .formatted(zone.zone.index()));
            }
        }
        zones.journal().restore(cut, file);
    }
}
