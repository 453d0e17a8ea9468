package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.engine.ZoneCounts;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

final class DeviceActivityTest {

    private static DeviceActivity activity() {
        Histogram latency = new Histogram(1_000, 100_000_000_000L, 2);
        latency.recordValue(12_345);
        latency.recordValueWithCount(987_654_321, 1L << 40);
        Map<BlockOp, OperationActivity> operations = new EnumMap<>(BlockOp.class);
        operations.put(BlockOp.ZONE_APPEND, new OperationActivity(7, 1L << 50, latency));
        return new DeviceActivity(
                1_700_000_000_123L,
                1L << 50,
                new DeviceGeometry(1L << 40, 256L << 20, 192L << 20, 4, 14, 28),
                new ZoneCounts(3, 5, 1L << 33, 9, 1L << 41),
                operations);
    }

    @Test
    void parsingGivesAnEqualValue() throws IOException {
        assertEquals(activity(), DeviceActivity.parse(activity().json()));
    }

    @Test
    void answerWithoutAMemberIsRefused() throws IOException {
        String other = activity().json().replace("implicitCloses", "implicit");
        IOException e = assertThrows(IOException.class, () -> DeviceActivity.parse(other));
        assertEquals("the server is of another version: its answer has no implicitCloses", e.getMessage());
    }
}
