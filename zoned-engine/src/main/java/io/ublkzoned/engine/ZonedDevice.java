package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A zoned block device on a qcow2 image: the way into the engine.
 *
 * <p>{@link #submit}, {@link #proceed} and {@link #partCompleted} are the data path: called by the queue threads, each
 * with its own queue's requests. One lock guards all state and is held for work in memory only; data moves through the
 * queue's {@link DataPort} outside it. What needs metadata I/O (mappings, flush, reset, finish) is done by one further
 * thread in {@link #maintain}.
 */
public final class ZonedDevice {

    // What the start of a request came to, beside 0 and -errno.
    private static final int TRANSFER = Integer.MIN_VALUE;
    private static final int WAITING = Integer.MIN_VALUE + 1;

    private final Object lock = new Object();
    private final DeviceGeometry geometry;
    private final ZoneTable zones;
    private final ZoneStateMachine rules;
    private final RequestMapper mapper;
    private final @Nullable ZoneTraffic[] traffic;
    private final MetadataWriter metadata;
    private final ZoneMapIo maps;
    private final ZoneChanges changes;

    /** Null before {@link #begin}. */
    private @Nullable DeviceState state;

    private ZonedDevice(Qcow2Image image, ImageFile file, Runnable metadataWakeUp) {
        geometry = image.geometry();
        zones = new ZoneTable(geometry, image.writePointers()::get, this::publish);
        rules = new ZoneStateMachine(zones, geometry);
        mapper = new RequestMapper(image.allocator(), image.clusterBits());
        traffic = new ZoneTraffic[geometry.zoneCount()];
        ReleasedSpace space = new ReleasedSpace(lock, file, image.allocator(), image.clusterBits());
        metadata = new MetadataWriter(this, lock, image, file, space, metadataWakeUp);
        maps = metadata.maps();
        changes = new ZoneChanges(this, lock, rules, metadata, maps, space);
    }

    /**
     * Opens an image for writing; recovers it first if it was not closed. {@link #begin} comes before the first request.
     *
     * @param file the image, which nobody else writes
     * @param metadataWakeUp called when {@link #maintain} has something to do, possibly under the device's lock
     * @throws ImageFormatException if the image cannot be used, with a sentence that says why
     */
    public static ZonedDevice open(ImageFile file, Runnable metadataWakeUp) throws IOException {
        return new ZonedDevice(Qcow2Image.open(file, Access.READ_WRITE), file, metadataWakeUp);
    }

    /**
     * Opens the image of a device whose server died: its zones are as that one last acknowledged them. An image that was
     * closed after all, or not yet in use, is opened as it is.
     *
     * @param left the memory that the device's {@link #begin} was given
     * @throws IOException also if that is not what a device of this image leaves behind
     */
    public static ZonedDevice reopen(ImageFile file, MemorySegment left, Runnable metadataWakeUp) throws IOException {
        Qcow2Image found = Qcow2Image.open(file, Access.READ_ONLY);
        DeviceState state = new DeviceState(left, found.geometry());
        if (!found.isDirty() || !state.isBegun()) {
            return open(file, metadataWakeUp);
        }
        ZonedDevice device = new ZonedDevice(Qcow2Image.recover(file, state), file, metadataWakeUp);
        device.restore(state);
        return device;
    }

    /** The zones are open that were, and the last write of each may come a second time. */
    private void restore(DeviceState left) {
        for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
            if (left.was(i, ZoneCondition.IMPLICIT_OPEN)) {
                zones.reopen(zones.zone(i), ZoneCondition.IMPLICIT_OPEN);
            } else if (left.was(i, ZoneCondition.EXPLICIT_OPEN)) {
                zones.reopen(zones.zone(i), ZoneCondition.EXPLICIT_OPEN);
            }
            if (left.lastWriteBytes(i) > 0) {
                ZoneTraffic zone = traffic(i);
                zone.lastWriteBytes = left.lastWriteBytes(i);
                zone.lastWriteMayRepeat = true;
            }
        }
    }

    /**
     * Marks the image as in use, durably, and from now on keeps what it acknowledges in {@code memory} too.
     *
     * @param memory {@link DeviceState#sizeBytes} bytes, zeros or what the last server left, for {@link #reopen}
     */
    public void begin(MemorySegment memory) throws IOException {
        metadata.begin();
        synchronized (lock) {
            DeviceState begun = new DeviceState(memory, geometry);
            state = begun;
            for (int i = geometry.conventionalZones(); i < geometry.zoneCount(); i++) {
                publish(zones.zone(i));
            }
            begun.begin();
        }
    }

    /** Puts where it outlives this process what a zone has come to, before any completion says so. */
    void publish(Zone zone) {
        if (state != null) {
            ZoneTraffic moving = traffic[zone.index()];
            if (moving == null) {
                state.put(zone.index(), zone.writePointerBytes(), 0, zone.condition());
            } else {
                state.put(zone.index(), moving.completedBytes, moving.lastWriteBytes, zone.condition());
            }
        }
    }

    public DeviceGeometry geometry() {
        return geometry;
    }

    /** Starts a request that its queue has just filled in. */
    public void submit(BlockRequest request) {
        int outcome;
        synchronized (lock) {
            outcome = start(request);
        }
        if (outcome == TRANSFER) {
            transfer(request);
        } else if (outcome != WAITING) {
            request.queue().completed(request, outcome);
        }
    }

    /** Continues a request that came by {@link RequestQueue#handOver}. */
    public void proceed(BlockRequest request) {
        switch (request.step) {
            case START -> submit(request);
            case COMPLETE -> request.queue().completed(request, request.result);
        }
    }

    private int start(BlockRequest request) {
        if (request.op() == BlockOp.FLUSH) {
            return metadata.flush(request) ? WAITING : 0;
        }
        if (request.op() == BlockOp.ZONE_RESET_ALL) {
            return startResetAll(request);
        }
        long offset = request.offsetBytes();
        int length = request.lengthBytes();
        if (offset < 0 || length < 0 || offset >= geometry.sizeBytes()) {
            return -BlockErrors.EIO;
        }
        if (length == 0 && request.op().movesData()) {
            return -BlockErrors.EIO;
        }
        ZoneTraffic zone = traffic(zones.indexOf(offset));
        if (length > zone.zone.endBytes() - offset) {
            return -BlockErrors.EIO;
        }
        if (zone.held) {
            return await(zone, request);
        }
        return switch (request.op()) {
            case READ -> startRead(zone, request);
            case WRITE ->
                zone.zone.isConventional() ? startConventionalWrite(zone, request) : startWrite(zone, request);
            case ZONE_APPEND -> startAppend(zone, request);
            case ZONE_OPEN -> rules.open(zone.zone);
            case ZONE_CLOSE -> rules.close(zone.zone);
            case ZONE_FINISH -> startFinish(zone, request);
            case ZONE_RESET -> startReset(zone, request);
            case FLUSH, ZONE_RESET_ALL -> throw new IllegalStateException("not an operation on one zone");
        };
    }

    private static int await(ZoneTraffic zone, BlockRequest request) {
        zone.waiting.add(request);
        return WAITING;
    }

    private int startRead(ZoneTraffic zone, BlockRequest request) {
        int error = rules.checkRead(zone.zone);
        if (error != 0) {
            return error;
        }
        long readable = Math.min(request.endBytes(), zone.completedBytes);
        request.partCount = 0;
        if (readable > request.offsetBytes()) {
            ZoneMap map = zone.map;
            if (map == null) {
                return awaitMap(zone, request);
            }
            mapper.addParts(zone, map, request, readable);
        }
        long written = Math.max(readable, request.offsetBytes());
        if (written < request.endBytes()) {
            request.addPart(HOLE, (int) (request.endBytes() - written));
        }
        zone.transfers++;
        return TRANSFER;
    }

    private int startConventionalWrite(ZoneTraffic zone, BlockRequest request) {
        ZoneMap map = zone.map;
        if (map == null) {
            return awaitMap(zone, request);
        }
        return mapAndTransfer(zone, map, request);
    }

    private int startAppend(ZoneTraffic zone, BlockRequest request) {
        if (zone.zone.isConventional()) {
            return -BlockErrors.EIO;
        }
        if (zone.failed) {
            return await(zone, request);
        }
        if (zone.map == null) {
            return awaitMap(zone, request);
        }
        request.place(zone.zone.writePointerBytes());
        return startWrite(zone, request);
    }

    private int startWrite(ZoneTraffic zone, BlockRequest request) {
        if (zone.failed) {
            return await(zone, request);
        }
        if (isRepeated(zone, request)) {
            return request.forceUnitAccess() && metadata.flush(request) ? WAITING : request.lengthBytes();
        }
        ZoneMap map = zone.map;
        if (map == null) {
            return awaitMap(zone, request);
        }
        int error = rules.openForWrite(zone.zone, request.offsetBytes(), request.lengthBytes());
        if (error != 0) {
            return error;
        }
        int outcome = mapAndTransfer(zone, map, request);
        if (outcome == TRANSFER) {
            rules.advance(zone.zone, request.lengthBytes());
            zone.writes.add(request);
        }
        return outcome;
    }

    /** Whether this is the zone's last write once more, whose data is there: the first one after the server's death. */
    private static boolean isRepeated(ZoneTraffic zone, BlockRequest request) {
        if (!zone.lastWriteMayRepeat) {
            return false;
        }
        zone.lastWriteMayRepeat = false;
        long end = Math.min(zone.completedBytes, zone.zone.writableEndBytes());
        return request.lengthBytes() == zone.lastWriteBytes && request.endBytes() == end;
    }

    private int mapAndTransfer(ZoneTraffic zone, ZoneMap map, BlockRequest request) {
        if (!mapper.allocate(zone, map, request)) {
            return metadata.awaitSpace(zone) ? await(zone, request) : -BlockErrors.ENOSPC;
        }
        if (map.isStale() || zone.mapPending) {
            // What is acknowledged must be found after the death of this process, so data waits for its mapping.
            return awaitMap(zone, request);
        }
        request.partCount = 0;
        mapper.addParts(zone, map, request, request.endBytes());
        zone.transfers++;
        return TRANSFER;
    }

    private int awaitMap(ZoneTraffic zone, BlockRequest request) {
        maps.want(zone);
        return await(zone, request);
    }

    private int startFinish(ZoneTraffic zone, BlockRequest request) {
        if (zone.zone.isConventional()) {
            return -BlockErrors.EIO;
        }
        if (zone.zone.condition() == ZoneCondition.FULL) {
            return 0;
        }
        changes.add(request, List.of(zone));
        return WAITING;
    }

    private int startReset(ZoneTraffic zone, BlockRequest request) {
        int error = rules.checkReset(zone.zone);
        if (error != 0) {
            return error;
        }
        if (zone.zone.condition() == ZoneCondition.EMPTY && zone.isIdle()) {
            return 0;
        }
        changes.add(request, List.of(zone));
        return WAITING;
    }

    private int startResetAll(BlockRequest request) {
        List<ZoneTraffic> concerned = new ArrayList<>();
        for (int i = 0; i < traffic.length; i++) {
            Zone zone = zones.zone(i);
            ZoneTraffic moving = traffic[i];
            boolean busy = moving != null && !moving.isIdle();
            if (rules.checkReset(zone) == 0 && (busy || zone.condition() != ZoneCondition.EMPTY)) {
                concerned.add(traffic(i));
            }
        }
        changes.add(request, concerned);
        return WAITING;
    }

    /** Moves the request's parts, outside the lock. The last one's completion may end the request. */
    private static void transfer(BlockRequest request) {
        DataPort port = request.queue().dataPort();
        boolean isRead = request.op() == BlockOp.READ;
        int parts = request.partCount;
        request.partsPending = parts;
        int at = 0;
        for (int i = 0; i < parts; i++) {
            long imageOffset = request.partImageOffset[i];
            int length = request.partLength[i];
            if (!isRead) {
                port.writePart(request, at, imageOffset, length);
            } else if (imageOffset == HOLE) {
                port.zeroPart(request, at, length);
            } else {
                port.readPart(request, at, imageOffset, length);
            }
            at += length;
        }
    }

    /**
     * The data port has moved a part, or failed to. Called on the queue's thread.
     *
     * @param result 0 or more if the whole part was moved, else -errno
     */
    public void partCompleted(BlockRequest request, int result) {
        if (result < 0 && request.result == 0) {
            request.result = result;
        }
        if (--request.partsPending > 0) {
            return;
        }
        boolean finished;
        synchronized (lock) {
            ZoneTraffic zone = traffic(zones.indexOf(request.offsetBytes()));
            zone.transfers--;
            if (request.result == 0) {
                request.result = request.lengthBytes();
            }
            if (request.op() == BlockOp.READ) {
                finished = true;
            } else {
                metadata.dataWritten();
                finished = zone.zone.isConventional() ? acknowledge(request) : completeWrites(zone, request);
            }
            if (zone.held && zone.transfers == 0) {
                metadata.wakeUp();
            }
        }
        if (finished) {
            request.queue().completed(request, request.result);
        }
    }

    /** A write whose data is there: done at once, or after a flush. */
    private boolean acknowledge(BlockRequest request) {
        if (request.forceUnitAccess() && request.result > 0) {
            metadata.flushThenComplete(request);
            return false;
        }
        return true;
    }

    /**
     * Completes the writes of a sequential zone whose predecessors have all completed.
     *
     * @param moved the write whose data has just moved, on whose thread this runs
     * @return whether it is among them and done
     */
    private boolean completeWrites(ZoneTraffic traffic, BlockRequest moved) {
        Zone zone = traffic.zone;
        moved.transferred = true;
        boolean movedIsDone = false;
        BlockRequest first = traffic.writes.peek();
        while (first != null && first.transferred) {
            traffic.writes.poll();
            if (first.result > 0 && !traffic.failed) {
                traffic.completedBytes = first.endBytes();
                traffic.lastWriteBytes = first.lengthBytes();
                if (traffic.completedBytes == zone.writableEndBytes()) {
                    traffic.completedBytes = zone.endBytes();
                    rules.filled(zone);
                }
                publish(zone);
                metadata.markDirty(traffic);
            } else {
                traffic.failed = true;
                first.result = first.result > 0 ? -BlockErrors.EIO : first.result;
            }
            boolean done = acknowledge(first);
            if (first == moved) {
                movedIsDone = done;
            } else if (done) {
                first.step = BlockRequest.Step.COMPLETE;
                first.queue().handOver(first);
            }
            first = traffic.writes.peek();
        }
        if (traffic.failed && first == null) {
            rules.rollBack(zone, traffic.completedBytes);
            traffic.failed = false;
            traffic.resumeWaiting();
        }
        return movedIsDone;
    }

    /**
     * Does the metadata I/O that is pending: mappings, flushes, resets. Blocks; called by one thread, which then waits
     * for the next wake-up.
     */
    public void maintain() {
        boolean worked = true;
        while (worked) {
            worked = maps.run();
            worked |= metadata.run();
            worked |= changes.run();
        }
    }

    /** Shows {@code count} zones from {@code first}, as they are at one moment. The visitor must not call the device. */
    public void report(int first, int count, ZoneVisitor visitor) {
        synchronized (lock) {
            for (int i = first; i < first + count; i++) {
                Zone zone = zones.zone(i);
                ZoneTraffic moving = traffic[i];
                long pointer = moving == null ? zone.writePointerBytes() : moving.completedBytes;
                visitor.zone(i, zone.startBytes(), zone.capacityBytes(), pointer, zone.condition());
            }
        }
    }

    /**
     * Writes all metadata and marks the image as closed. The queues and the thread of {@link #maintain} have ended.
     *
     * @throws IOException if that failed: the image then counts as not closed, and is recovered at the next open
     */
    public void close() throws IOException {
        metadata.end();
    }

    /** The traffic of a zone; under the lock. */
    ZoneTraffic traffic(int index) {
        ZoneTraffic zone = traffic[index];
        if (zone == null) {
            zone = new ZoneTraffic(zones.zone(index));
            traffic[index] = zone;
        }
        return zone;
    }

    /** The traffic of a zone that was touched, else null; under the lock. */
    @Nullable
    ZoneTraffic touched(int index) {
        return traffic[index];
    }

    /** How many clusters of the zone begin below a device address. */
    int clustersBelow(ZoneTraffic zone, long endBytes) {
        return mapper.clustersBelow(zone, endBytes);
    }
}
