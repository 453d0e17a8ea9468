package io.ublkzoned.engine;

import static io.ublkzoned.engine.DeviceGeometry.SECTOR_SHIFT;

import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * What a device has acknowledged, in memory that outlives its process, though not a power cut: a file on tmpfs, mapped
 * shared. With it the next server goes on where a killed one was.
 *
 * <p>A header, then one word a zone, then one word a slot, a slot being one queue's tag. Each is replaced by one store:
 * whenever the process dies, it is whole. Numbers are in the host's byte order.
 *
 * <p>A zone's word, from the low bits up: the write pointer in sectors from the start of the zone, 36 bits; the length of
 * the last acknowledged write in sectors, 22 bits; the zone's condition, 4 bits.
 *
 * <p>A slot's word is 0, but for an append that the kernel may not know to be done: its length in sectors, 17 bits, and its
 * place on the device in sectors, 47 bits. After the server's death the kernel sends that append again, unless it knew.
 *
 * <p>On the data path, under the device's lock.
 */
public final class DeviceState {

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle().withInvokeExactBehavior();

    private static final long MAGIC = 0x3265746174735a75L; // "uZstate2"
    private static final long MAGIC_AT = 0;
    private static final long ZONES_AT = 8;
    private static final long ZONE_SIZE_AT = 16;
    private static final long WORDS_AT = 64;

    private static final int POINTER_BITS = 36;
    private static final int LENGTH_BITS = 22;
    private static final long POINTER_MASK = (1L << POINTER_BITS) - 1;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;

    private static final int APPEND_LENGTH_BITS = 17;
    private static final long APPEND_LENGTH_MASK = (1L << APPEND_LENGTH_BITS) - 1;

    private final MemorySegment memory;
    private final DeviceGeometry geometry;
    private final long slotsAt;

    /** @param memory {@link #sizeBytes} bytes of it, aligned to 8 */
    DeviceState(MemorySegment memory, DeviceGeometry geometry) {
        this.memory = memory;
        this.geometry = geometry;
        slotsAt = sizeBytes(geometry, 0);
    }

    /** How much memory the state of such a device takes, with so many tags in all its queues. */
    public static long sizeBytes(DeviceGeometry geometry, int slots) {
        return WORDS_AT + ((long) geometry.zoneCount() + slots) * Long.BYTES;
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
        if (memory.byteSize() < slotsAt
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
    void put(Zone zone, long writePointerBytes, int lastWriteBytes) {
        long pointer = (writePointerBytes - zone.startBytes()) >>> SECTOR_SHIFT;
        long length = (long) lastWriteBytes >>> SECTOR_SHIFT;
        long condition = zone.condition().code();
        long word = pointer | length << POINTER_BITS | condition << (POINTER_BITS + LENGTH_BITS);
        LONG.setRelease(memory, WORDS_AT + (long) zone.index() * Long.BYTES, word);
    }

    /** The write pointer of a zone, as a device address. */
    public long writePointerBytes(int zone) {
        return geometry.zoneStart(zone) + ((word(zone) & POINTER_MASK) << SECTOR_SHIFT);
    }

    /** The length of the last acknowledged write of a zone, 0 if there was none since it was empty or finished. */
    int lastWriteBytes(int zone) {
        return (int) (word(zone) >>> POINTER_BITS & LENGTH_MASK) << SECTOR_SHIFT;
    }

    /** Whether a zone was in this condition. */
    boolean was(int zone, ZoneCondition condition) {
        return word(zone) >>> (POINTER_BITS + LENGTH_BITS) == condition.code();
    }

    private long word(int zone) {
        return (long) LONG.getAcquire(memory, WORDS_AT + (long) zone * Long.BYTES);
    }

    /** An append has been carried out, and the kernel is about to be told where. */
    void putAppend(int slot, long placeBytes, int lengthBytes) {
        long place = placeBytes >>> SECTOR_SHIFT;
        long length = (long) lengthBytes >>> SECTOR_SHIFT;
        LONG.setRelease(memory, slotAt(slot), place << APPEND_LENGTH_BITS | length);
    }

    /** No append of this slot can come again. */
    void removeAppend(int slot) {
        LONG.setRelease(memory, slotAt(slot), 0L);
    }

    /** Where the data of the slot's append went, as a device address. */
    long appendPlaceBytes(int slot) {
        return (append(slot) >>> APPEND_LENGTH_BITS) << SECTOR_SHIFT;
    }

    /** The length of the slot's append, 0 if there is none. */
    int appendLengthBytes(int slot) {
        return (int) (append(slot) & APPEND_LENGTH_MASK) << SECTOR_SHIFT;
    }

    private long append(int slot) {
        return (long) LONG.getAcquire(memory, slotAt(slot));
    }

    private long slotAt(int slot) {
        return slotsAt + (long) slot * Long.BYTES;
    }
}
