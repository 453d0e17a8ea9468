package io.ublkzoned.backend.ublk;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.engine.ZoneCounts;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.HdrHistogram.Histogram;

/**
 * The geometry and the counts of a device. The counts start at 0 when its server starts or its power returns.
 *
 * @param startMillis the wall-clock time of that start, in milliseconds since 1970. Samples with different start times
 *     come from different servers.
 * @param upNanos the time since that start, by the server's clock
 * @param operations the operations that have occurred
 */
public record DeviceActivity(
        long startMillis,
        long upNanos,
        DeviceGeometry geometry,
        ZoneCounts zones,
        Map<BlockOp, OperationActivity> operations) {

    /** Returns the answer of the server, from which {@link #parse} makes an equal value. */
    String json() throws IOException {
        var object =
                JSON.std.composeString().startObject().put("start", startMillis).put("up", upNanos);
        object = GeometryJson.put(object, geometry)
                .put("open", zones.open())
                .put("active", zones.active())
                .put("implicitCloses", zones.implicitCloses())
                .put("resets", zones.resets())
                .put("allocated", zones.allocatedBytes());
        var array = object.startArrayField("operations");
        for (var operation : operations.entrySet()) {
            OperationActivity activity = operation.getValue();
            array = array.startObject()
                    .put("operation", operation.getKey().name())
                    .put("errors", activity.errors())
                    .put("bytes", activity.bytes())
                    .put("latency", encode(activity.latency()))
                    .end();
        }
        return array.end().end().finish();
    }

    /** Parses the answer of a server. */
    static DeviceActivity parse(String json) throws IOException {
        Map<?, ?> object = JSON.std.mapFrom(json);
        Map<BlockOp, OperationActivity> operations = new EnumMap<>(BlockOp.class);
        for (Object each : (List<?>) member(object, "operations")) {
            Map<?, ?> operation = (Map<?, ?>) each;
            operations.put(
                    BlockOp.valueOf((String) member(operation, "operation")),
                    new OperationActivity(number(operation, "errors"), number(operation, "bytes"), decode((String)
                            member(operation, "latency"))));
        }
        return new DeviceActivity(
                number(object, "start"),
                number(object, "up"),
                new DeviceGeometry(
                        number(object, "size"),
                        number(object, "zoneSize"),
                        number(object, "zoneCapacity"),
                        (int) number(object, "conventionalZones"),
                        (int) number(object, "maxOpenZones"),
                        (int) number(object, "maxActiveZones")),
                new ZoneCounts(
                        (int) number(object, "open"),
                        (int) number(object, "active"),
                        number(object, "implicitCloses"),
                        number(object, "resets"),
                        number(object, "allocated")),
                operations);
    }

    private static Object member(Map<?, ?> object, String name) throws IOException {
        Object value = object.get(name);
        if (value == null) {
            throw new IOException("the server is of another version: its answer has no " + name);
        }
        return value;
    }

    private static long number(Map<?, ?> object, String name) throws IOException {
        return ((Number) member(object, name)).longValue();
    }

    /** Encodes a histogram in the compressed format of HdrHistogram (V2), as its log files do. */
    private static String encode(Histogram histogram) {
        ByteBuffer buffer = ByteBuffer.allocate(histogram.getNeededByteBufferCapacity());
        int length = histogram.encodeIntoCompressedByteBuffer(buffer);
        return Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length));
    }

    private static Histogram decode(String text) throws IOException {
        try {
            return Histogram.decodeFromCompressedByteBuffer(
                    ByteBuffer.wrap(Base64.getDecoder().decode(text)), 0);
        } catch (DataFormatException e) {
            throw new IOException("the server's answer has a histogram that cannot be read: " + e.getMessage(), e);
        }
    }
}
