package io.ublkzoned.backend.live;

import com.fasterxml.jackson.jr.ob.JSON;
import com.fasterxml.jackson.jr.ob.comp.ComposerBase;
import com.fasterxml.jackson.jr.ob.comp.ObjectComposer;
import io.ublkzoned.backend.ublk.DeviceActivity;
import io.ublkzoned.backend.ublk.GeometryJson;
import io.ublkzoned.backend.ublk.OperationActivity;
import io.ublkzoned.backend.ublk.ZoneSnapshot;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/** The JSON of {@code watch --json} and of the web page. Sizes are in bytes, latencies in nanoseconds. */
public final class LiveJson {

    private static final int WRITTEN_MAX = 255;

    private LiveJson() {}

    /** Returns an array of devices, each with id, path, image and name. */
    static String devices(List<AttachedDevice> devices) throws IOException {
        var array = JSON.std.composeString().startArray();
        for (AttachedDevice device : devices) {
            array = put(array.startObject(), device).end();
        }
        return array.end().finish();
    }

    private static <P extends ComposerBase> ObjectComposer<P> put(ObjectComposer<P> object, AttachedDevice device)
            throws IOException {
        return object.put("id", device.id())
                .put("path", device.path())
                .put("image", device.image())
                .put("name", device.name());
    }

    /**
     * Returns the state of a device and its rates.
     *
     * @param withMap whether to add {@code map}: per zone the kernel's number of its condition, a hexadecimal digit; and
     *     one byte in Base64, the written part of its capacity in 255ths
     */
    public static String device(AttachedDevice device, DeviceSample sample, DeviceRates rates, boolean withMap)
            throws IOException {
        DeviceActivity activity = sample.activity();
        var object = put(JSON.std.composeString().startObject(), device);
        object = GeometryJson.put(object, activity.geometry())
                .put("openZones", activity.zones().open())
                .put("activeZones", activity.zones().active())
                .put("implicitCloses", activity.zones().implicitCloses())
                .put("zoneResets", activity.zones().resets())
                .put("allocated", activity.zones().allocatedBytes())
                .put("seconds", rates.seconds());
        var conditions = object.startObjectField("conditions");
        for (var entry : sample.conditions().entrySet()) {
            conditions = conditions.put(entry.getKey().label(), entry.getValue().intValue());
        }
        object = conditions.end();
        var operations = object.startArrayField("operations");
        for (var entry : activity.operations().entrySet()) {
            OperationActivity total = entry.getValue();
            OperationRates now = rates.of(entry.getKey());
            operations = operations
                    .startObject()
                    .put("operation", name(entry.getKey()))
                    .put("requests", total.requests())
                    .put("errors", total.errors())
                    .put("bytes", total.bytes())
                    .put("requestsPerSecond", now.requestsPerSecond())
                    .put("errorsPerSecond", now.errorsPerSecond())
                    .put("bytesPerSecond", now.bytesPerSecond())
                    .put("p50", now.p50())
                    .put("p99", now.p99())
                    .put("p999", now.p999())
                    .put("max", now.max())
                    .end();
        }
        object = operations.end();
        var busiest = object.startArrayField("busiestZones");
        for (DeviceRates.BusyZone zone : rates.busiestZones()) {
            busiest = busiest.startObject()
                    .put("zone", zone.zone())
                    .put("requestsPerSecond", zone.requestsPerSecond())
                    .end();
        }
        object = busiest.end();
        if (withMap) {
            object = object.startObjectField("map")
                    .put("conditions", sample.zones().conditionDigits())
                    .put("written", written(sample))
                    .end();
        }
        return object.end().finish();
    }

    /** Returns one zone with the latest changes of its condition. */
    static String zone(DeviceSample sample, int zone, String history) throws IOException {
        DeviceGeometry geometry = sample.activity().geometry();
        return JSON.std
                .composeString()
                .startObject()
                .put("zone", zone)
                .put("start", geometry.zoneStart(zone))
                .put("capacity", geometry.zoneCapacityBytes(zone))
                .put("written", Math.min(sample.zones().writtenBytes(zone), geometry.zoneCapacityBytes(zone)))
                .put("requests", Integer.toUnsignedLong(sample.zones().requests(zone)))
                .put("condition", sample.zones().condition(zone).label())
                .putObject("history", JSON.std.listFrom(history))
                .end()
                .finish();
    }

    /** Returns the name of an operation in JSON and in metrics: {@code zone-append}. */
    public static String name(BlockOp op) {
        return op.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String written(DeviceSample sample) {
        ZoneSnapshot zones = sample.zones();
        byte[] parts = new byte[zones.zones()];
        for (int zone = 0; zone < parts.length; zone++) {
            parts[zone] = (byte) writtenPart(
                    zones.writtenBytes(zone), sample.activity().geometry().zoneCapacityBytes(zone));
        }
        return Base64.getEncoder().encodeToString(parts);
    }

    /** Returns the written part in 255ths. Only a zone without data has 0, and only one without space has 255. */
    private static long writtenPart(long writtenBytes, long capacityBytes) {
        if (writtenBytes >= capacityBytes) {
            return WRITTEN_MAX;
        }
        long part = Math.round((double) writtenBytes / capacityBytes * WRITTEN_MAX);
        return writtenBytes == 0 ? 0 : Math.clamp(part, 1, WRITTEN_MAX - 1);
    }
}
