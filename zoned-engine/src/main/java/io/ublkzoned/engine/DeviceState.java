package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.ZoneCondition;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * What a device has acknowledged, in memory that outlives its process, though not a power cut: a file on tmpfs, mapped
 * shared. With it the next server goes on where a killed one was.
 *
 * <p>A header and then one word a zone, replaced by one store: whenever the process dies, each word is whole. From the
 * low bits up: the write pointer in sectors from the start of the zone, 36 bits; the length of the last acknowledged
 * write in sectors, 22 bits; the zone's condition, 4 bits. Numbers are in the host's byte order.
 *
 * <p>On the data path, under the device's lock.
 */
public final class DeviceState {

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();

    private static final long MAGIC = 0x3165746174735a75L; // "uZstate1"
    private static final long MAGIC_AT = 0;
    private static final long ZONES_AT = 8;
    private static final long ZONE_SIZE_AT = 16;
    private static final long WORDS_AT = 64;

    private static final int POINTER_BITS = 36;
    private static final int LENGTH_BITS = 22;
    private static final long POINTER_MASK = (1L << POINTER_BITS) - 1;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;

    private final MemorySegment memory;
    private final DeviceGeometry geometry;

    /** @param memory {@link #sizeBytes} bytes of it, aligned to 8 */
    DeviceState(MemorySegment memory, DeviceGeometry geometry) {
        this.memory = memory;
        this.geometry = geometry;
    }

    /** How much memory the state of such a device takes. */
    public static long sizeBytes(DeviceGeometry geometry) {
        return WORDS_AT + (long) geometry.zoneCount() * Long.BYTES;
    }

    /** Whether memory holds a state that counts. */
    public static boolean isBegun(MemorySegment memory) {
        return memory.byteSize() >= WORDS_AT && memory.get(ValueLayout.JAVA_LONG, MAGIC_AT) == MAGIC;
    }

    boolean isBegun() {
        return isBegun(memory);
    }

    /** Whether it was a device of this shape, and every word can be right. */
    public boolean isSound() {
        if (memory.byteSize() < sizeBytes(geometry)
                || memory.get(ValueLayout.JAVA_LONG, ZONES_AT) != geometry.zoneCount()
                || memory.get(ValueLayout.JAVA_LONG, ZONE_SIZE_AT) != geometry.zoneSizeBytes()) {
            return false;
        }
        for (int zone = geometry.conventionalZones(); zone < geometry.zoneCount(); zone++) {
            if (writePointerBytes(zone) > geometry.zoneStart(zone) + geometry.zoneSizeBytes()) {
                return false;
            }
        }
        return true;
    }

    /** All words are there: from now on they count. */
    void begin() {
        memory.set(ValueLayout.JAVA_LONG, ZONES_AT, geometry.zoneCount());
        memory.set(ValueLayout.JAVA_LONG, ZONE_SIZE_AT, geometry.zoneSizeBytes());
        LONG.setRelease(memory, MAGIC_AT, MAGIC);
    }

    /** What it says is no longer true: from now on only what was flushed counts. */
    void end() {
        LONG.setRelease(memory, MAGIC_AT, 0L);
    }

    /**
     * Replaces the word of a zone.
     *
     * @param writePointerBytes every byte below it is in the image file and acknowledged, or about to be
     * @param lastWriteBytes the length of the write that ended there, 0 if none did
     */
    void put(int zone, long writePointerBytes, int lastWriteBytes, ZoneCondition condition) {
        long pointer = (writePointerBytes - geometry.zoneStart(zone)) / DeviceGeometry.SECTOR_BYTES;
        long length = lastWriteBytes / DeviceGeometry.SECTOR_BYTES;
        long word = pointer | length << POINTER_BITS | (long) condition.code() << (POINTER_BITS + LENGTH_BITS);
        LONG.setRelease(memory, WORDS_AT + (long) zone * Long.BYTES, word);
    }

    /** The write pointer of a zone, as a device address. */
    public long writePointerBytes(int zone) {
        return geometry.zoneStart(zone) + (word(zone) & POINTER_MASK) * DeviceGeometry.SECTOR_BYTES;
    }

    /** The length of the last acknowledged write of a zone, 0 if there was none since it was empty or finished. */
    int lastWriteBytes(int zone) {
        return (int) (word(zone) >>> POINTER_BITS & LENGTH_MASK) * DeviceGeometry.SECTOR_BYTES;
    }

    /** Whether a zone was in this condition. */
    boolean was(int zone, ZoneCondition condition) {
        return word(zone) >>> (POINTER_BITS + LENGTH_BITS) == condition.code();
    }

    private long word(int zone) {
        return (long) LONG.getAcquire(memory, WORDS_AT + (long) zone * Long.BYTES);
    }
}
