package io.ublkzoned.backend.ublk;

import static java.util.Objects.requireNonNull;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CachedImage;
import io.ublkzoned.backend.image.RequestMemory;
import io.ublkzoned.backend.image.RingImage;
import io.ublkzoned.backend.image.TagBuffers;
import io.ublkzoned.backend.image.UringDataPort;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.uring.CompletionHandler;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.RingFlag;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.RequestList;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.ZonedDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * A queue like {@link UblkQueue}, but without the driver. Its requests come from a {@link Source}: when one is done,
 * the next one starts. Their data are copied to and from a file that replaces {@code /dev/ublkcN}. One thread makes,
 * uses and closes it.
 */
final class StoreQueue implements RequestQueue, CompletionHandler, AutoCloseable {

    /** A source of requests. */
    interface Source {
        void next(BlockRequest request);
    }

    private static final int BATCH_MAX = 256;
    private static final int IMAGE_FILE = 0; // the only file of the ring
    private static final long IMAGE = 1L << 48;
    private static final long WAKE_UP = 2L << 48;

    private final ZonedDevice device;
    private final Arena arena = Arena.ofConfined();
    private final IoUring ring;
    private final BlockRequest[] requests;
    private final UringDataPort dataPort;
    private final Inbox inbox;
    private final RequestList idle = new RequestList();
    private final RequestStatistics statistics;
    private int underWay;

    StoreQueue(ZonedDevice device, AttachedImage image, FileDescriptor requestData, int depth, int bufferBytes)
            throws IOException {
        this.device = device;
        statistics = new RequestStatistics(depth);
        ring = IoUring.create(
                2 * depth, 8 * depth, RingFlag.SINGLE_ISSUER, RingFlag.DEFER_TASKRUN, RingFlag.COOP_TASKRUN);
        ring.registerFiles(image.data().value());
        inbox = new Inbox(ring.submissions(), arena, WAKE_UP);
        TagBuffers buffers = new TagBuffers(arena, requestData.value(), 0, depth, bufferBytes);
        requests = new BlockRequest[depth];
        Arrays.setAll(requests, tag -> new BlockRequest(this, tag, tag));
        Arrays.stream(requests).forEach(idle::add);
        CachedImage cachedImage = new CachedImage(image.data(), requireNonNull(image.windows()), arena);
        dataPort = new UringDataPort(
                ring.submissions(),
                new RingImage(IMAGE_FILE, image.data(), cachedImage),
                new RequestMemory(buffers, null),
                requests,
                IMAGE);
        inbox.await();
    }

    /** Carries out {@code count} requests. */
    void run(long count, Source source) {
        long left = count;
        while (left > 0 || underWay > 0) {
            inbox.drainTo(device);
            left -= startIdle(Math.min(left, requests.length), source);
            if (underWay > 0) {
                statistics.batchCommitted();
                int ready = ring.submitAndWait(1);
                statistics.batchReceived();
                if (ready < 0 && ready != -Errno.EBUSY && ready != -Errno.EAGAIN) {
                    throw new IllegalStateException("io_uring_enter: " + Errno.name(-ready));
                }
                ring.completions().drain(this, BATCH_MAX);
            }
        }
        statistics.batchCommitted();
    }

    private long startIdle(long max, Source source) {
        for (long started = 0; started < max; started++) {
            BlockRequest request = idle.poll();
            if (request == null) {
                return started;
            }
            underWay++;
            source.next(request);
            statistics.received(request.tag());
            dataPort.received(request.tag());
            device.submit(request);
        }
        return max;
    }

    /** Returns the requests that it has carried out. A request starts when the one before it has ended. */
    RequestStatistics statistics() {
        return statistics;
    }

    @Override
    public void onCompletion(long userData, int result, int flags) {
        if ((userData & IMAGE) != 0) {
            int moved = dataPort.completed(userData, result);
            if (moved != DataPort.PENDING) {
                device.partCompleted(dataPort.request(userData), moved);
            }
        } else {
            inbox.await();
        }
    }

    @Override
    public DataPort dataPort() {
        return dataPort;
    }

    @Override
    public void completed(BlockRequest request, int result) {
        if (result != request.lengthBytes()) {
            throw new IllegalStateException(request.op() + " at " + request.offsetBytes() + " came to " + result);
        }
        underWay--;
        statistics.completed(request, result);
        dataPort.release(request.tag());
        idle.add(request);
    }

    @Override
    public void handOver(BlockRequest request) {
        inbox.add(request);
    }

    @Override
    public void close() {
        ring.close();
        arena.close();
        inbox.close();
    }
}
