package io.ublkzoned.backend.live;

import io.ublkzoned.backend.ublk.OperationActivity;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The activity of a device between two samples.
 *
 * @param seconds the time between them, 0 if there was only one
 * @param operations the operations that occurred in that time
 * @param busiestZones the zones with the most requests, the busiest first
 */
public record DeviceRates(double seconds, Map<BlockOp, OperationRates> operations, List<BusyZone> busiestZones) {

    /** The rates before there are two samples. */
    static final DeviceRates NONE = new DeviceRates(0, Map.of(), List.of());

    private static final int BUSIEST_ZONES = 8;
    private static final double NANOS_PER_SECOND = 1e9;

    /**
     * A zone in which requests moved data.
     *
     * @param requestsPerSecond the rate of those requests
     */
    public record BusyZone(int zone, double requestsPerSecond) {}

    /**
     * Returns the rates between two samples of one device. If the server has restarted in between, they are those since
     * its start.
     */
    public static DeviceRates between(DeviceSample earlier, DeviceSample later) {
        boolean restarted = earlier.activity().startMillis() != later.activity().startMillis();
        DeviceSample from = restarted ? null : earlier;
        long sinceNanos = from == null ? 0 : from.activity().upNanos();
        double seconds = (later.activity().upNanos() - sinceNanos) / NANOS_PER_SECOND;
        return new DeviceRates(seconds, operations(from, later, seconds), busiestZones(from, later, seconds));
    }

    private static Map<BlockOp, OperationRates> operations(
            @Nullable DeviceSample from, DeviceSample to, double seconds) {
        Map<BlockOp, OperationRates> rates = new EnumMap<>(BlockOp.class);
        to.activity().operations().forEach((op, activity) -> {
            OperationActivity before =
                    from == null ? null : from.activity().operations().get(op);
            OperationActivity difference = before == null ? activity : activity.since(before);
            if (difference.requests() > 0) {
                rates.put(op, OperationRates.of(difference, seconds));
            }
        });
        return rates;
    }

    private static List<BusyZone> busiestZones(@Nullable DeviceSample from, DeviceSample to, double seconds) {
        return IntStream.range(0, to.zones().zones())
                .filter(zone -> requests(from, to, zone) > 0)
                .mapToObj(zone -> new BusyZone(zone, requests(from, to, zone) / seconds))
                .sorted(Comparator.comparingDouble(BusyZone::requestsPerSecond).reversed())
                .limit(BUSIEST_ZONES)
                .toList();
    }

    private static long requests(@Nullable DeviceSample from, DeviceSample to, int zone) {
        int before = from == null ? 0 : from.zones().requests(zone);
        return Integer.toUnsignedLong(to.zones().requests(zone) - before);
    }

    /** Returns the rates of an operation, all 0 if it did not occur. */
    public OperationRates of(BlockOp op) {
        return operations.getOrDefault(op, OperationRates.NONE);
    }
}
