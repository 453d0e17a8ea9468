package io.ublkzoned.backend.ublk;

import static java.util.Objects.requireNonNull;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.AtomicHistogram;
import org.HdrHistogram.Histogram;

/**
 * The completed requests of one queue: numbers, errors, bytes and latencies, by operation. Zone reports and unsupported
 * operations are left out.
 *
 * <p>On the data path. Only the queue's thread calls these methods; any thread may call {@link #sum}. Nothing is
 * allocated. A latency lasts from the {@code io_uring_enter} that returned with the request's batch to the one that
 * commits its result, so each batch reads the clock twice, regardless of its size.
 */
final class RequestStatistics {

    // Latencies from 1 us to 100 s in two digits: 22 KiB per histogram, 200 KiB per queue.
    private static final long LATENCY_MIN_NANOS = 1_000;
    private static final long LATENCY_MAX_NANOS = 100_000_000_000L;
    private static final int LATENCY_DIGITS = 2;

    /** The requests of one operation. Only the queue's thread writes, with release stores (lazySet). */
    private static final class Operation {

        private final AtomicLong errors = new AtomicLong();
        private final AtomicLong bytes = new AtomicLong();
        private final AtomicHistogram latency =
                new AtomicHistogram(LATENCY_MIN_NANOS, LATENCY_MAX_NANOS, LATENCY_DIGITS);

        void add(int requests, int failed, long movedBytes, long nanos) {
            latency.recordValueWithCount(Math.clamp(nanos, 0, LATENCY_MAX_NANOS), requests);
            errors.lazySet(errors.getPlain() + failed);
            bytes.lazySet(bytes.getPlain() + movedBytes);
        }
    }

    /** A request that is completed, and whose result is not committed yet. */
    private static final class Completed {

        private Operation operation;
        private int result;
        private int lengthBytes;
        private long receivedNanos;

        Completed(Operation operation) {
            this.operation = operation;
        }

        void set(Operation newOperation, int newResult, int newLengthBytes, long newReceivedNanos) {
            operation = newOperation;
            result = newResult;
            lengthBytes = newLengthBytes;
            receivedNanos = newReceivedNanos;
        }
    }

    private final EnumMap<BlockOp, Operation> operations = new EnumMap<>(BlockOp.class);
    private final long[] receivedNanos; // by tag
    private final Completed[] batch;
    private int completed;
    private long batchNanos;

    RequestStatistics(int queueDepth) {
        for (BlockOp op : BlockOp.values()) {
            operations.put(op, new Operation());
        }
        receivedNanos = new long[queueDepth];
        batch = new Completed[queueDepth];
        Operation none = new Operation();
        Arrays.setAll(batch, i -> new Completed(none));
    }

    /** Begins a batch of requests, which the kernel has just delivered. */
    void batchReceived() {
        batchNanos = System.nanoTime();
    }

    /** Begins a request of the batch. */
    void received(int tag) {
        receivedNanos[tag] = batchNanos;
    }

    /** Ends a request. It counts from the next {@link #batchCommitted} on. */
    void completed(BlockRequest request, int result) {
        if (completed == batch.length) {
            batchCommitted(); // a full submission queue was submitted in between, and its tags came back
        }
        batch[completed++].set(
                requireNonNull(operations.get(request.op())),
                result,
                request.lengthBytes(),
                receivedNanos[request.tag()]);
    }

    /** Ends the batch: the kernel is about to get the results of the completed requests. */
    void batchCommitted() {
        if (completed == 0) {
            return;
        }
        long now = System.nanoTime();
        for (int i = 0; i < completed; ) {
            i = addRun(i, now);
        }
        completed = 0;
    }

    /**
     * Adds the requests from one on that have the same operation and came with the same batch, and so have the same
     * latency. Returns the index of the first one after them.
     */
    private int addRun(int start, long now) {
        Completed first = batch[start];
        int failed = 0;
        long movedBytes = 0;
        int i = start;
        while (i < completed
                && batch[i].operation == first.operation
                && batch[i].receivedNanos == first.receivedNanos) {
            if (batch[i].result < 0) {
                failed++;
            } else {
                movedBytes += batch[i].lengthBytes;
            }
            i++;
        }
        first.operation.add(i - start, failed, movedBytes, now - first.receivedNanos);
        return i;
    }

    /** Returns the requests of several queues up to now. Operations that have not occurred are left out. */
    static Map<BlockOp, OperationActivity> sum(List<RequestStatistics> queues) {
        Map<BlockOp, OperationActivity> sum = new EnumMap<>(BlockOp.class);
        for (BlockOp op : BlockOp.values()) {
            long errors = 0;
            long bytes = 0;
            Histogram latency = new Histogram(LATENCY_MIN_NANOS, LATENCY_MAX_NANOS, LATENCY_DIGITS);
            for (RequestStatistics queue : queues) {
                Operation operation = requireNonNull(queue.operations.get(op));
                errors += operation.errors.get();
                bytes += operation.bytes.get();
                latency.add(operation.latency);
            }
            if (latency.getTotalCount() > 0) {
                sum.put(op, new OperationActivity(errors, bytes, latency));
            }
        }
        return sum;
    }
}
