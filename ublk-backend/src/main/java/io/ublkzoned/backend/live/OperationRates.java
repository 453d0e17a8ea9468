package io.ublkzoned.backend.live;

import io.ublkzoned.backend.ublk.OperationActivity;
import org.HdrHistogram.Histogram;

/**
 * The requests of one operation between two samples: per second, and the percentiles of their latencies in nanoseconds.
 *
 * @param errorsPerSecond failed requests; {@code requestsPerSecond} includes them
 */
public record OperationRates(
        double requestsPerSecond,
        double errorsPerSecond,
        double bytesPerSecond,
        long p50,
        long p99,
        long p999,
        long max) {

    /** No request. */
    static final OperationRates NONE = new OperationRates(0, 0, 0, 0, 0, 0, 0);

    private static final double MEDIAN = 50;
    private static final double PERCENT_99 = 99;
    private static final double PERCENT_99_9 = 99.9;

    static OperationRates of(OperationActivity activity, double seconds) {
        Histogram latency = activity.latency();
        return new OperationRates(
                activity.requests() / seconds,
                activity.errors() / seconds,
                activity.bytes() / seconds,
                latency.getValueAtPercentile(MEDIAN),
                latency.getValueAtPercentile(PERCENT_99),
                latency.getValueAtPercentile(PERCENT_99_9),
                latency.getMaxValue());
    }
}
