package io.ublkzoned.backend.live;

import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.ublkzoned.backend.ublk.DeviceActivity;
import io.ublkzoned.backend.ublk.OperationActivity;
import io.ublkzoned.engine.ZoneCounts;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * The metrics of all devices in the text format of Prometheus. Names and labels follow its conventions: base units, and
 * {@code _total} on counters. A new object is made for each scrape.
 */
final class PrometheusMetrics {

    static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    private static final String PREFIX = "ublk_zoned_";
    private static final String DEVICE = "device";

    /** The upper bounds of the latency buckets: 10 us to 10 s, three per decade. The last bucket has no bound. */
    private static final double[] LATENCY_BOUNDS = {
        1e-5,
        2e-5,
        5e-5,
        1e-4,
        2e-4,
        5e-4,
        1e-3,
        2e-3,
        5e-3,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.5,
        1,
        2,
        5,
        10,
        Double.POSITIVE_INFINITY
    };

    private static final double NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final double MILLIS_PER_SECOND = TimeUnit.SECONDS.toMillis(1);

    private final InfoSnapshot.Builder info =
            InfoSnapshot.builder().name(PREFIX + DEVICE).help("The image and the name of the device.");
    private final GaugeSnapshot.Builder up =
            gauge("up", "1 if the server of the device could be asked for its counts.");
    private final GaugeSnapshot.Builder start =
            gauge("start_time_seconds", "When the server started, or the power returned. The counts begin then.");
    private final HistogramSnapshot.Builder duration = HistogramSnapshot.builder()
            .name(PREFIX + "request_duration_seconds")
            .help("The time from a request's arrival at the server to its completion.");
    private final CounterSnapshot.Builder errors = counter("request_errors", "Requests that failed.");
    private final CounterSnapshot.Builder bytes = counter("request_bytes", "Data moved by requests.");
    private final GaugeSnapshot.Builder size = gauge("size_bytes", "The size of the device.");
    private final GaugeSnapshot.Builder allocated =
            gauge("image_allocated_bytes", "The part of the image that is in use, metadata included.");
    private final GaugeSnapshot.Builder zones = gauge("zones", "Zones, by condition.");
    private final GaugeSnapshot.Builder open = gauge("open_zones", "Zones that count against the open limit.");
    private final GaugeSnapshot.Builder active = gauge("active_zones", "Zones that count against the active limit.");
    private final GaugeSnapshot.Builder maxOpen = gauge("max_open_zones", "The open limit, 0 for none.");
    private final GaugeSnapshot.Builder maxActive = gauge("max_active_zones", "The active limit, 0 for none.");
    private final CounterSnapshot.Builder implicitCloses =
            counter("implicit_closes", "Zones that were closed to make room for another one.");
    private final CounterSnapshot.Builder resets = counter("zone_resets", "Zones that were reset.");

    private PrometheusMetrics() {}

    private static GaugeSnapshot.Builder gauge(String name, String help) {
        return GaugeSnapshot.builder().name(PREFIX + name).help(help);
    }

    private static CounterSnapshot.Builder counter(String name, String help) {
        return CounterSnapshot.builder().name(PREFIX + name).help(help);
    }

    /** Returns the metrics of all devices. A device whose server does not answer has none but {@code up}, which is 0. */
    static String of(Devices devices) throws IOException {
        PrometheusMetrics metrics = new PrometheusMetrics();
        Map<AttachedDevice, Future<DeviceSample>> samples = new LinkedHashMap<>();
        // All servers at once, because one that hangs must not delay the others.
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (AttachedDevice device : devices.list()) {
                samples.put(device, threads.submit(() -> devices.sample(device.id())));
            }
        }
        samples.forEach(metrics::add);
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        PrometheusTextFormatWriter.create().write(text, metrics.snapshots());
        return text.toString(StandardCharsets.UTF_8);
    }

    private void add(AttachedDevice device, Future<DeviceSample> sample) {
        Labels labels = Labels.of(DEVICE, device.node());
        info.dataPoint(InfoSnapshot.InfoDataPointSnapshot.builder()
                .labels(Labels.of(DEVICE, device.node(), "image", device.image(), "name", device.name()))
                .build());
        boolean isUp = sample.state() == Future.State.SUCCESS;
        set(up, labels, isUp ? 1 : 0);
        if (isUp) {
            add(labels, sample.resultNow());
        }
    }

    private void add(Labels labels, DeviceSample sample) {
        DeviceActivity activity = sample.activity();
        DeviceGeometry geometry = activity.geometry();
        ZoneCounts counts = activity.zones();
        set(start, labels, activity.startMillis() / MILLIS_PER_SECOND);
        activity.operations().forEach((op, operation) -> add(labels.add("operation", LiveJson.name(op)), operation));
        set(size, labels, (double) geometry.sizeBytes());
        set(allocated, labels, (double) counts.allocatedBytes());
        sample.conditions()
                .forEach((condition, number) -> set(zones, labels.add("condition", condition.label()), number));
        set(open, labels, counts.open());
        set(active, labels, counts.active());
        set(maxOpen, labels, geometry.maxOpenZones());
        set(maxActive, labels, geometry.maxActiveZones());
        count(implicitCloses, labels, counts.implicitCloses());
        count(resets, labels, counts.resets());
    }

    private void add(Labels labels, OperationActivity operation) {
        Histogram latency = operation.latency();
        duration.dataPoint(HistogramSnapshot.HistogramDataPointSnapshot.builder()
                .labels(labels)
                .classicHistogramBuckets(ClassicHistogramBuckets.of(LATENCY_BOUNDS, buckets(latency)))
                .sum(latency.getMean() * latency.getTotalCount() / NANOS_PER_SECOND)
                .build());
        count(errors, labels, operation.errors());
        count(bytes, labels, operation.bytes());
    }

    private static long[] buckets(Histogram latency) {
        long[] counts = new long[LATENCY_BOUNDS.length];
        long below = 0;
        for (int i = 0; i < counts.length - 1; i++) {
            long upToBound = latency.getCountBetweenValues(0, (long) (LATENCY_BOUNDS[i] * NANOS_PER_SECOND));
            counts[i] = upToBound - below;
            below = upToBound;
        }
        counts[counts.length - 1] = latency.getTotalCount() - below;
        return counts;
    }

    private static void set(GaugeSnapshot.Builder gauge, Labels labels, double value) {
        gauge.dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                .labels(labels)
                .value(value)
                .build());
    }

    private static void count(CounterSnapshot.Builder counter, Labels labels, long value) {
        counter.dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                .labels(labels)
                .value((double) value)
                .build());
    }

    private MetricSnapshots snapshots() {
        return MetricSnapshots.of(
                info.build(),
                up.build(),
                start.build(),
                duration.build(),
                errors.build(),
                bytes.build(),
                size.build(),
                allocated.build(),
                zones.build(),
                open.build(),
                active.build(),
                maxOpen.build(),
                maxActive.build(),
                implicitCloses.build(),
                resets.build());
    }
}
