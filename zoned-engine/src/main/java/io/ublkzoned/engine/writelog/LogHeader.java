package io.ublkzoned.engine.writelog;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The superblock of a write log, in its first sector.
 *
 * <p>On disk, little-endian, from offset 0 as dm-log-writes has it: magic, version and number of entries, 8 bytes each;
 * sector size, 4 bytes. From offset 64, where dm-log-writes has zeros, eight words: magic; size, zone size, capacity,
 * conventional zones, maximum of open zones and of active zones; 1 if the device was empty when the log began.
 *
 * @param sectorBytes the unit of everything in the log, which is the logical block size of the device
 * @param entries the number of entries that are complete
 * @param geometry the recorded device; empty in a log of another program
 * @param beginsEmpty whether the device was empty when the log began
 */
public record LogHeader(int sectorBytes, long entries, Optional<DeviceGeometry> geometry, boolean beginsEmpty) {

    static final int BYTES = 128;
    static final int SECTOR_BYTES_MIN = 512;
    static final int SECTOR_BYTES_MAX = 64 << 10;

    static final long ENTRIES_AT = 16;

    private static final long MAGIC = 0x6a736677736872L;
    private static final long VERSION = 1;
    private static final long VERSION_AT = 8;
    private static final long SECTOR_BYTES_AT = 24;

    private static final long ZONES_MAGIC = 0x31676f6c5a6b6c62L; // "blkZlog1"
    private static final long ZONES_MAGIC_AT = 64;
    private static final long SIZE_AT = 72;
    private static final long ZONE_SIZE_AT = 80;
    private static final long CAPACITY_AT = 88;
    private static final long CONVENTIONAL_ZONES_AT = 96;
    private static final long MAX_OPEN_AT = 104;
    private static final long MAX_ACTIVE_AT = 112;
    private static final long BEGINS_EMPTY_AT = 120;

    /** Decodes the first {@link #BYTES} bytes of a log. */
    static LogHeader decode(MemorySegment data) throws WriteLogException {
        if (data.get(LittleEndian.LONG, 0) != MAGIC) {
            throw new WriteLogException("it is not a write log: 'ublk-zoned add --record FILE' writes one");
        }
        long version = data.get(LittleEndian.LONG, VERSION_AT);
        if (version != VERSION) {
            throw new WriteLogException("it is a write log of version %d: only version 1 is known".formatted(version));
        }
        int sectorBytes = data.get(LittleEndian.INT, SECTOR_BYTES_AT);
        long entries = data.get(LittleEndian.LONG, ENTRIES_AT);
        if (sectorBytes < SECTOR_BYTES_MIN
                || sectorBytes > SECTOR_BYTES_MAX
                || Integer.bitCount(sectorBytes) != 1
                || entries < 0) {
            throw new WriteLogException("the header of the write log is damaged");
        }
        return new LogHeader(
                sectorBytes, entries, decodeGeometry(data), data.get(LittleEndian.LONG, BEGINS_EMPTY_AT) != 0);
    }

    private static Optional<DeviceGeometry> decodeGeometry(MemorySegment data) throws WriteLogException {
        if (data.get(LittleEndian.LONG, ZONES_MAGIC_AT) != ZONES_MAGIC) {
            return Optional.empty();
        }
        try {
            return Optional.of(new DeviceGeometry(
                    data.get(LittleEndian.LONG, SIZE_AT),
                    data.get(LittleEndian.LONG, ZONE_SIZE_AT),
                    data.get(LittleEndian.LONG, CAPACITY_AT),
                    Math.toIntExact(data.get(LittleEndian.LONG, CONVENTIONAL_ZONES_AT)),
                    Math.toIntExact(data.get(LittleEndian.LONG, MAX_OPEN_AT)),
                    Math.toIntExact(data.get(LittleEndian.LONG, MAX_ACTIVE_AT))));
        } catch (GeometryException | ArithmeticException e) {
            throw new WriteLogException("the header of the write log is damaged: " + e.getMessage());
        }
    }

    /** Encodes the header of a log of this program. {@code data} is all zeros. */
    void encode(MemorySegment data) {
        data.set(LittleEndian.LONG, 0, MAGIC);
        data.set(LittleEndian.LONG, VERSION_AT, VERSION);
        data.set(LittleEndian.LONG, ENTRIES_AT, entries);
        data.set(LittleEndian.INT, SECTOR_BYTES_AT, sectorBytes);
        DeviceGeometry zones = geometry.orElseThrow();
        data.set(LittleEndian.LONG, ZONES_MAGIC_AT, ZONES_MAGIC);
        data.set(LittleEndian.LONG, SIZE_AT, zones.sizeBytes());
        data.set(LittleEndian.LONG, ZONE_SIZE_AT, zones.zoneSizeBytes());
        data.set(LittleEndian.LONG, CAPACITY_AT, zones.capacityBytes());
        data.set(LittleEndian.LONG, CONVENTIONAL_ZONES_AT, zones.conventionalZones());
        data.set(LittleEndian.LONG, MAX_OPEN_AT, zones.maxOpenZones());
        data.set(LittleEndian.LONG, MAX_ACTIVE_AT, zones.maxActiveZones());
        data.set(LittleEndian.LONG, BEGINS_EMPTY_AT, beginsEmpty ? 1 : 0);
    }
}
