package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;

/**
 * The state of all zones of a device. It is not atomic: the zones are read in groups, so that the device's lock is held
 * only for a short time.
 */
public final class ZoneSnapshot {

    private static final int ZONES_PER_GROUP = 4096;
    private static final int WORDS = 2; // per zone: the written sectors, the requests

    private final long startMillis;
    private final ZoneCondition[] conditions;
    private final int[] writtenSectors; // unsigned
    private final int[] requests;

    private ZoneSnapshot(long startMillis, int zones) {
        this.startMillis = startMillis;
        conditions = new ZoneCondition[zones];
        writtenSectors = new int[zones];
        requests = new int[zones];
    }

    /**
     * Takes a snapshot of a device of this process.
     *
     * @param startMillis see {@link DeviceActivity}
     */
    static ZoneSnapshot of(ZonedDevice device, long startMillis) {
        int zones = device.geometry().zoneCount();
        ZoneSnapshot snapshot = new ZoneSnapshot(startMillis, zones);
        for (int first = 0; first < zones; first += ZONES_PER_GROUP) {
            int count = Math.min(ZONES_PER_GROUP, zones - first);
            device.report(first, count, snapshot::set);
            System.arraycopy(device.requestsPerZone(first, count), 0, snapshot.requests, first, count);
        }
        return snapshot;
    }

    private void set(int zone, long startBytes, long capacityBytes, long pointerBytes, ZoneCondition condition) {
        conditions[zone] = condition;
        writtenSectors[zone] = (int) ((pointerBytes - startBytes) >>> DeviceGeometry.SECTOR_SHIFT);
    }

    /** Returns when the counts of the zones began, see {@link DeviceActivity}. */
    public long startMillis() {
        return startMillis;
    }

    public int zones() {
        return conditions.length;
    }

    public ZoneCondition condition(int zone) {
        return conditions[zone];
    }

    /** Returns the distance of the write pointer from the zone's start; the zone's length if it has none or is full. */
    public long writtenBytes(int zone) {
        return Integer.toUnsignedLong(writtenSectors[zone]) << DeviceGeometry.SECTOR_SHIFT;
    }

    /** Returns the number of requests that have begun to move data in the zone since the start, modulo 2^32. */
    public int requests(int zone) {
        return requests[zone];
    }

    /** Returns a digit per zone: the kernel's number of its condition in hexadecimal. */
    public String conditionDigits() {
        StringBuilder digits = new StringBuilder(zones());
        for (ZoneCondition condition : conditions) {
            digits.append(Character.forDigit(condition.code(), 16));
        }
        return digits.toString();
    }

    /** Returns the answer of the server: the start, the {@link #conditionDigits}, and two words per zone, compressed. */
    String encode() throws IOException {
        ByteBuffer words = ByteBuffer.allocate(zones() * WORDS * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int zone = 0; zone < zones(); zone++) {
            words.putInt(writtenSectors[zone]);
            words.putInt(requests[zone]);
        }
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (DeflaterOutputStream out = new DeflaterOutputStream(compressed)) {
            out.write(words.array());
        }
        String encoded = Base64.getEncoder().encodeToString(compressed.toByteArray());
        return startMillis + " " + conditionDigits() + " " + encoded;
    }

    /** Parses the answer of a server. */
    static ZoneSnapshot parse(String answer) throws IOException {
        String[] parts = answer.split(" ", -1);
        int zones = parts[1].length();
        ZoneSnapshot snapshot = new ZoneSnapshot(Long.parseLong(parts[0]), zones);
        byte[] compressed = Base64.getDecoder().decode(parts[2]);
        ByteBuffer words;
        try (InflaterInputStream in = new InflaterInputStream(new ByteArrayInputStream(compressed))) {
            words = ByteBuffer.wrap(in.readNBytes(zones * WORDS * Integer.BYTES))
                    .order(ByteOrder.LITTLE_ENDIAN);
        }
        for (int zone = 0; zone < zones; zone++) {
            snapshot.conditions[zone] = condition(parts[1].charAt(zone));
            snapshot.writtenSectors[zone] = words.getInt();
            snapshot.requests[zone] = words.getInt();
        }
        return snapshot;
    }

    private static ZoneCondition condition(char digit) throws IOException {
        return ZoneCondition.ofCode(Character.digit(digit, 16))
                .orElseThrow(() -> new IOException("the server's answer has an unknown zone condition: " + digit));
    }
}
