package io.ublkzoned.backend.ublk;

import org.HdrHistogram.Histogram;

/**
 * The requests of one operation that have been completed.
 *
 * @param errors failed requests
 * @param bytes bytes moved by successful requests
 * @param latency the latencies in nanoseconds, 1 us to 100 s in two digits; its total count is the number of requests
 */
public record OperationActivity(long errors, long bytes, Histogram latency) {

    /** Returns the number of requests, failed ones included. */
    public long requests() {
        return latency.getTotalCount();
    }

    /** Returns the difference from an earlier sample of the same server. */
    public OperationActivity since(OperationActivity earlier) {
        Histogram difference = latency.copy();
        difference.subtract(earlier.latency);
        return new OperationActivity(errors - earlier.errors, bytes - earlier.bytes, difference);
    }
}
