package io.ublkzoned.backend.ublk;

import static io.ublkzoned.engine.zone.DeviceGeometry.SECTOR_SHIFT;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CachedImage;
import io.ublkzoned.backend.image.RequestMemory;
import io.ublkzoned.backend.image.RequestPages;
import io.ublkzoned.backend.image.RingImage;
import io.ublkzoned.backend.image.TagBuffers;
import io.ublkzoned.backend.image.UringDataPort;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.Mapping;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkIoDescriptors;
import io.ublkzoned.bindings.ublk.UblkOperations;
import io.ublkzoned.bindings.ublk.UblkSubmissions;
import io.ublkzoned.bindings.uring.CompletionHandler;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.RingFlag;
import io.ublkzoned.bindings.uring.SubmissionQueue;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.FailureLog;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One queue of a device: takes requests from the kernel, submits them to the engine, and commits their results.
 *
 * <p>On the data path. The thread that made the queue and its ring calls everything but {@link #handOver} and {@link
 * #leave}, because ublk binds each tag to the thread that fetched it. One {@code io_uring_enter} submits the commits of
 * a batch and the transfers of the ring, and returns with the next batch. A request is always committed, even if a
 * handler throws.
 */
final class UblkQueue implements RequestQueue, CompletionHandler, AutoCloseable {

    private static final int BATCH_MAX = 256; // completions handled before queued work is submitted

    // The kind of an operation in the ring, in the upper bits of its user data. The lower bits belong to the tag or the
    // port.
    private static final long COMMAND = 0;
    private static final long IMAGE = 1L << 48;
    private static final long WAKE_UP = 2L << 48;
    private static final long REGISTRATION = 3L << 48; // completes only if it fails; its transfer then fails too
    private static final long KIND = 3L << 48;

    // The ring's files, by their index.
    private static final int DEVICE_FILE = 0;
    private static final int IMAGE_FILE = 1;

    private final int queueId;
    private final int queueDepth;
    private final ZonedDevice device;
    private final Arena arena = Arena.ofConfined();
    private final IoUring ring;
    private final SubmissionQueue submissions;
    private final UblkIoDescriptors descriptors;
    private final TagBuffers buffers;
    private final BlockRequest[] requests;
    private final UringDataPort dataPort;
    private final ZoneReportEncoder reports;
    private final RequestStatistics statistics;

    private final Inbox inbox;
    private final FailureLog failures = new FailureLog();
    private volatile boolean leaving;
    private int requestsBegun; // and not committed
    private int tagsEnded;
    private int refusal; // the lowest result of the fetches that completed at once, or 0

    /** Makes the queue for the calling thread, on a device that has been added and not started. */
    UblkQueue(int queueId, ServedDevice serving, FileDescriptor deviceFile, RequestStatistics statistics)
            throws IOException {
        this.queueId = queueId;
        this.statistics = statistics;
        device = serving.device();
        DeviceInfo info = serving.info();
        AttachedImage image = serving.image();
        queueDepth = info.queueDepth();
        ring = IoUring.create(
                Integer.highestOneBit(queueDepth) * 2,
                Integer.highestOneBit(queueDepth) * 8,
                RingFlag.SINGLE_ISSUER,
                RingFlag.DEFER_TASKRUN,
                RingFlag.COOP_TASKRUN);
        try {
            ring.registerFiles(deviceFile.value(), image.data().value());
            submissions = ring.submissions();
            int stride = UblkIoDescriptors.ENTRY_BYTES;
            descriptors = new UblkIoDescriptors(
                    Mapping.sharedReadOnly(
                            arena,
                            deviceFile,
                            UblkIoDescriptors.mappingOffset(queueId, stride),
                            UblkIoDescriptors.mappingBytes(queueDepth, stride)),
                    stride);
            buffers = new TagBuffers(arena, deviceFile.value(), queueId, queueDepth, info.maxIoBytes());
            requests = new BlockRequest[queueDepth];
            Arrays.setAll(requests, tag -> new BlockRequest(this, tag, queueId * queueDepth + tag));
            CachedImage cached = image.windows() == null ? null : new CachedImage(image.data(), image.windows(), arena);
            RequestPages pages = info.supportsZeroCopy()
                    ? new RequestPages(ring, DEVICE_FILE, queueId, queueDepth, REGISTRATION)
                    : null;
            dataPort = new UringDataPort(
                    submissions,
                    new RingImage(IMAGE_FILE, image.data(), cached),
                    new RequestMemory(buffers, pages),
                    requests,
                    IMAGE);
            reports = new ZoneReportEncoder(device);
            inbox = new Inbox(submissions, arena, WAKE_UP); // last, because the code below does not close it
        } catch (IOException | RuntimeException | Error e) {
            ring.close();
            arena.close();
            throw e;
        }
    }

    /**
     * Fetches every tag. The device can be started when all its queues have done so.
     *
     * @throws LinuxException if the kernel refuses a fetch
     */
    void fetchAll() throws LinuxException {
        for (int tag = 0; tag < queueDepth; tag++) {
            command(UblkCommands.IO_FETCH_REQ, tag, -1, 0);
        }
        inbox.await();
        int ready = ring.submitAndWait(0);
        if (ready < 0) {
            throw new LinuxException("io_uring_submit", -ready);
        }
        ring.completions().drain((userData, result, flags) -> refusal = Math.min(refusal, result), queueDepth);
        if (refusal < 0) {
            throw new LinuxException("the command that fetches a request", -refusal);
        }
    }

    /**
     * Serves requests until the device is stopped and the kernel has ended every tag. After {@link #leave} it only
     * completes the requests that have begun. The others return to the kernel when the queue is closed.
     */
    void run() {
        while (tagsEnded < queueDepth && !leaving) {
            serveBatch();
        }
        if (leaving) {
            completeBegun();
        }
    }

    /** Ends {@link #run}. Any thread may call this before {@link #close}. */
    void leave() {
        leaving = true;
        inbox.wakeUp();
    }

    private void completeBegun() {
        WaitClock clock = new WaitClock();
        do {
            inbox.drainTo(device);
            statistics.batchCommitted();
            boolean done = requestsBegun == 0;
            int ready = done ? ring.submitAndWait(0) : ring.submitAndWait(1, clock.untilNextNanos());
            requireEntered(ready);
            ring.completions().drain(this, BATCH_MAX);
            if (requestsBegun > 0 && clock.isDue()) {
                ServerLog.LOG.warn(
                        "queue {}: {} requests have not ended for {} s: the disk of the image is slow or stalled",
                        queueId,
                        requestsBegun,
                        clock.seconds());
            }
        } while (requestsBegun > 0 || !submissions.isEmpty());
    }

    /**
     * Serves one batch. It is a separate method because Java compiles a method that is called often sooner than a loop
     * that runs for a long time.
     */
    private void serveBatch() {
        inbox.drainTo(device);
        statistics.batchCommitted();
        requireEntered(ring.submitAndWait(1));
        statistics.batchReceived();
        ring.completions().drain(this, BATCH_MAX);
    }

    private static void requireEntered(int ready) {
        if (ready < 0 && ready != -Errno.EBUSY && ready != -Errno.EAGAIN) {
            throw new IllegalStateException("io_uring_enter: " + Errno.name(-ready));
        }
    }

    @Override
    public void onCompletion(long userData, int result, int flags) {
        long kind = userData & KIND;
        if (kind == IMAGE) {
            imageCompleted(userData, result);
        } else if (kind == COMMAND) {
            commandCompleted((int) userData, result);
        } else if (kind == WAKE_UP) {
            inbox.await();
        }
    }

    private void imageCompleted(long userData, int result) {
        int moved;
        try {
            moved = dataPort.completed(userData, result);
        } catch (RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("completing a transfer", e);
            moved = dataPort.failed(userData);
        }
        if (moved != DataPort.PENDING) {
            device.partCompleted(dataPort.request(userData), moved);
        }
    }

    private void commandCompleted(int tag, int result) {
        if (result == UblkCommands.IO_RES_OK) {
            if (!leaving) {
                begin(tag);
            }
        } else if (result == UblkCommands.IO_RES_ABORT) {
            tagsEnded++;
        } else {
            // The kernel would wait forever for the request of this tag, so the process must end.
            throw new IllegalStateException(
                    "the kernel refused a command of tag %d: %s".formatted(tag, Errno.name(-result)));
        }
    }

    private void begin(int tag) {
        requestsBegun++;
        statistics.received(tag);
        try {
            start(tag);
        } catch (RuntimeException | Error e) {
            commit(tag, failures.logAndGetErrno("beginning a request", e), 0);
        }
    }

    private void start(int tag) {
        switch (descriptors.operation(tag)) {
            case UblkOperations.READ -> submit(tag, BlockOp.READ);
            case UblkOperations.WRITE -> submit(tag, BlockOp.WRITE);
            case UblkOperations.ZONE_APPEND -> submit(tag, BlockOp.ZONE_APPEND);
            case UblkOperations.FLUSH -> submitWithoutData(tag, BlockOp.FLUSH);
            case UblkOperations.ZONE_OPEN -> submitWithoutData(tag, BlockOp.ZONE_OPEN);
            case UblkOperations.ZONE_CLOSE -> submitWithoutData(tag, BlockOp.ZONE_CLOSE);
            case UblkOperations.ZONE_FINISH -> submitWithoutData(tag, BlockOp.ZONE_FINISH);
            case UblkOperations.ZONE_RESET -> submitWithoutData(tag, BlockOp.ZONE_RESET);
            case UblkOperations.ZONE_RESET_ALL -> submitWithoutData(tag, BlockOp.ZONE_RESET_ALL);
            case UblkOperations.REPORT_ZONES -> commit(tag, report(tag), 0);
            default -> commit(tag, -Errno.EOPNOTSUPP, 0);
        }
    }

    private void submit(int tag, BlockOp op) {
        long offset = descriptors.startSector(tag) << SECTOR_SHIFT;
        int length = descriptors.sectors(tag) << SECTOR_SHIFT;
        boolean forceUnitAccess = (descriptors.flags(tag) & UblkOperations.FLAG_FUA) != 0;
        requests[tag].set(op, offset, length, forceUnitAccess);
        dataPort.received(tag);
        device.submit(requests[tag]);
    }

    private void submitWithoutData(int tag, BlockOp op) {
        requests[tag].set(op, descriptors.startSector(tag) << SECTOR_SHIFT, 0, false);
        device.submit(requests[tag]);
    }

    /** Fills the request with at least one zone. After an empty report the kernel would repeat the request forever. */
    private int report(int tag) {
        MemorySegment zones = buffers.part(tag, 0, buffers.bufferBytes());
        long filled = reports.encode(descriptors.startSector(tag), descriptors.sectors(tag), zones);
        boolean copied = filled > 0 && buffers.copyOut(tag, 0, (int) filled) == filled;
        return copied ? (int) filled : -Errno.EIO;
    }

    private void commit(int tag, int result, long appendSector) {
        requestsBegun--;
        dataPort.release(tag);
        command(UblkCommands.IO_COMMIT_AND_FETCH_REQ, tag, result, appendSector);
    }

    private void command(int command, int tag, int result, long appendSector) {
        UblkSubmissions.queueIo(
                submissions,
                DEVICE_FILE,
                command,
                queueId,
                tag,
                result,
                appendSector,
                COMMAND | tag,
                SubmissionQueue.FIXED_FILE);
    }

    @Override
    public DataPort dataPort() {
        return dataPort;
    }

    @Override
    public void completed(BlockRequest request, int result) {
        boolean isAppend = request.op() == BlockOp.ZONE_APPEND;
        if (isAppend) {
            device.answering(request);
        }
        statistics.completed(request, result);
        commit(request.tag(), result, isAppend && result >= 0 ? request.offsetBytes() >>> SECTOR_SHIFT : 0);
    }

    @Override
    public void handOver(BlockRequest request) {
        inbox.add(request);
    }

    /** Releases the mapping of the device file and everything else. The thread of the queue calls this. */
    @Override
    public void close() {
        ring.close();
        arena.close();
        inbox.close();
    }
}
