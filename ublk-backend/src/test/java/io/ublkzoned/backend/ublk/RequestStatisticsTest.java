package io.ublkzoned.backend.ublk;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import java.lang.management.ManagementFactory;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

final class RequestStatisticsTest {

    private static final int DEPTH = 4;
    private static final int BLOCK = 4096;

    private final RequestStatistics statistics = new RequestStatistics(DEPTH);

    private static BlockRequest request(int tag, BlockOp op, int length) {
        RequestQueue none = new RequestQueue() {
            @Override
            public DataPort dataPort() {
                throw new UnsupportedOperationException();
            }

            @Override
            public void completed(BlockRequest request, int result) {}

            @Override
            public void handOver(BlockRequest request) {}
        };
        BlockRequest request = new BlockRequest(none, tag, tag);
        request.set(op, 0, length, false);
        return request;
    }

    private OperationActivity now(BlockOp op) {
        return requireNonNull(RequestStatistics.sum(List.of(statistics)).get(op));
    }

    /** Carries out a batch of one request. */
    private void batch(BlockRequest request, int result) {
        statistics.batchReceived();
        statistics.received(request.tag());
        statistics.completed(request, result);
        statistics.batchCommitted();
    }

    @Test
    void requestsCountByOperation() {
        batch(request(0, BlockOp.WRITE, BLOCK), BLOCK);
        batch(request(1, BlockOp.WRITE, 2 * BLOCK), 2 * BLOCK);
        batch(request(0, BlockOp.WRITE, BLOCK), -BlockErrors.EIO);
        batch(request(2, BlockOp.FLUSH, 0), 0);
        OperationActivity writes = now(BlockOp.WRITE);
        assertEquals(3, writes.requests());
        assertEquals(1, writes.errors());
        assertEquals(3 * BLOCK, writes.bytes());
        assertEquals(
                EnumSet.of(BlockOp.WRITE, BlockOp.FLUSH),
                RequestStatistics.sum(List.of(statistics)).keySet());
    }

    @Test
    void queuesAddUp() {
        RequestStatistics other = new RequestStatistics(DEPTH);
        batch(request(0, BlockOp.READ, BLOCK), BLOCK);
        other.batchReceived();
        other.received(3);
        other.completed(request(3, BlockOp.READ, BLOCK), BLOCK);
        other.batchCommitted();
        OperationActivity reads =
                requireNonNull(RequestStatistics.sum(List.of(statistics, other)).get(BlockOp.READ));
        assertEquals(2, reads.requests());
        assertEquals(2 * BLOCK, reads.bytes());
    }

    @Test
    void latencyLastsUntilTheBatchIsAnswered() throws InterruptedException {
        long millis = 20;
        long before = System.nanoTime();
        statistics.batchReceived();
        statistics.received(0);
        statistics.received(1);
        statistics.completed(request(0, BlockOp.READ, BLOCK), BLOCK);
        statistics.batchCommitted();
        TimeUnit.MILLISECONDS.sleep(millis);
        // The other request ends in the next batch, which brings a third one.
        statistics.batchReceived();
        statistics.received(0);
        statistics.completed(request(1, BlockOp.READ, BLOCK), BLOCK);
        statistics.completed(request(0, BlockOp.READ, BLOCK), BLOCK);
        statistics.batchCommitted();
        long all = System.nanoTime() - before;

        Histogram latency = now(BlockOp.READ).latency();
        assertEquals(3, latency.getTotalCount());
        assertTrue(latency.getMaxValue() >= TimeUnit.MILLISECONDS.toNanos(millis), latency::toString);
        assertTrue(latency.getMaxValue() <= all * 1.01, latency::toString);
    }

    @Test
    void tagCanComeBackInTheSameBatch() {
        statistics.batchReceived();
        for (int i = 0; i < 3 * DEPTH; i++) {
            statistics.received(0);
            statistics.completed(request(0, BlockOp.READ, BLOCK), BLOCK);
        }
        statistics.batchCommitted();
        assertEquals(3 * DEPTH, now(BlockOp.READ).requests());
    }

    @Test
    void differenceOfTwoMomentsHasTheRequestsBetweenThem() {
        batch(request(0, BlockOp.READ, BLOCK), BLOCK);
        OperationActivity earlier = now(BlockOp.READ);
        batch(request(0, BlockOp.READ, BLOCK), BLOCK);
        batch(request(0, BlockOp.READ, BLOCK), -BlockErrors.EIO);
        OperationActivity difference = now(BlockOp.READ).since(earlier);
        assertEquals(2, difference.requests());
        assertEquals(1, difference.errors());
        assertEquals(BLOCK, difference.bytes());
        assertEquals(1, earlier.requests());
    }

    @Test
    void dataPathAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        BlockRequest request = request(0, BlockOp.READ, BLOCK);
        batch(request, BLOCK);
        threads.getCurrentThreadAllocatedBytes();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 1000; i++) {
            batch(request, BLOCK);
        }
        assertEquals(before, threads.getCurrentThreadAllocatedBytes());
    }
}
