package io.ublkzoned.engine;

import static io.ublkzoned.engine.zone.DeviceGeometry.SECTOR_SHIFT;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import io.ublkzoned.engine.zone.Zone;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.Optional;
import java.util.UUID;

/**
 * The acknowledged state of a device, in memory that outlives its process but not a power cut. The next server resumes
 * the device from it, if it belongs to the image that the server finds: see {@link StateCheck}.
 *
 * <p>It consists of a header, one word per zone, and one word per slot. A slot is one tag of one queue. Each word is
 * replaced by one store, so it is always complete, no matter when the process dies.
 *
 * <p>A zone's word, from the low bits up: the write pointer in sectors from the start of the zone, 36 bits; the length
 * of the last acknowledged write in sectors, 22 bits; the zone's condition, 4 bits; whether unacknowledged writes have
 * left data in the zone, 1 bit.
 *
 * <p>A slot's word is 0, with one exception: an append that has been carried out and whose result has not been offered
 * to the kernel yet. For it the word has the length in sectors, 17 bits, and the place on the device in sectors, 47
 * bits. After the server's death the kernel sends that append again.
 *
 * <p>It belongs to the data path, under the device's lock. {@link #end} is called on the metadata thread.
 */
public final class DeviceState {

    private static final long MAGIC = 0x3365746174735a75L; // "uZstate3"

    // The status; 0 until the device has begun.
    private static final long BEGUN = 1;
    private static final long ENDED = 2;

    // The header.
    private static final long MAGIC_AT = 0;
    private static final long STATUS_AT = 8;
    private static final long ATTACH_ID_AT = 16;
    private static final long BOOT_ID_AT = 32;
    private static final long DEVICE_AT = 48;
    private static final long INODE_AT = 56;
    private static final long GENERATION_AT = 64;
    private static final long DURABLE_GENERATION_AT = 72;
    private static final long SIZE_AT = 80;
    private static final long ZONE_SIZE_AT = 88;
    private static final long CAPACITY_AT = 96;
    private static final long CONVENTIONAL_ZONES_AT = 104;
    private static final long MAX_OPEN_AT = 112;
    private static final long MAX_ACTIVE_AT = 120;
    private static final long BLOCK_BYTES_AT = 128;
    private static final long SLOTS_AT = 136;
    private static final long WORDS_AT = 144;

    private static final int POINTER_BITS = 36;
    private static final int LENGTH_BITS = 22;
    private static final long POINTER_MASK = (1L << POINTER_BITS) - 1;
    private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;
    private static final int CONDITION_SHIFT = POINTER_BITS + LENGTH_BITS;
    private static final long CONDITION_MASK = 0xF;
    private static final long REMAINS = 1L << 62;

    private static final int APPEND_LENGTH_BITS = 17;
    private static final long APPEND_LENGTH_MASK = (1L << APPEND_LENGTH_BITS) - 1;

    private final StateMemory memory;
    private final DeviceGeometry geometry;
    private final DeviceShape shape;
    private final long slotsAt;

    private DeviceState(StateMemory memory, DeviceShape shape) {
        this.memory = memory;
        this.shape = shape;
        geometry = shape.geometry();
        slotsAt = slotsAt(geometry);
    }

    /** Returns the size of the state of a device. */
    public static long sizeBytes(DeviceShape shape) {
        return slotsAt(shape.geometry()) + (long) shape.slots() * Long.BYTES;
    }

    /** Returns the offset of the slots' words. */
    static long slotsAt(DeviceGeometry geometry) {
        return WORDS_AT + (long) geometry.zoneCount() * Long.BYTES;
    }

    /**
     * Prepares the state of a new attach. It is valid from {@link ZonedDevice#begin} on.
     *
     * @param memory {@link #sizeBytes} bytes, all zeros
     * @param attachId a new random number, which {@link ZonedDevice#begin} writes into the image
     */
    public static DeviceState prepare(StateMemory memory, DeviceShape shape, UUID attachId, ImageIdentity image) {
        DeviceState state = new DeviceState(memory, shape);
        DeviceGeometry geometry = shape.geometry();
        memory.store(SIZE_AT, geometry.sizeBytes());
        memory.store(ZONE_SIZE_AT, geometry.zoneSizeBytes());
        memory.store(CAPACITY_AT, geometry.capacityBytes());
        memory.store(CONVENTIONAL_ZONES_AT, geometry.conventionalZones());
        memory.store(MAX_OPEN_AT, geometry.maxOpenZones());
        memory.store(MAX_ACTIVE_AT, geometry.maxActiveZones());
        memory.store(BLOCK_BYTES_AT, shape.blockBytes());
        memory.store(SLOTS_AT, shape.slots());
        state.store(ATTACH_ID_AT, attachId);
        state.setImage(image);
        memory.store(MAGIC_AT, MAGIC);
        return state;
    }

    /** Prepares the state of an attach that no other process resumes. It is lost with this process. */
    public static DeviceState unsaved(DeviceShape shape, UUID attachId) {
        StateMemory memory = StateMemory.onHeap(sizeBytes(shape));
        return prepare(memory, shape, attachId, new ImageIdentity(new UUID(0, 0), 0, 0));
    }

    /**
     * Reads the state that a server left.
     *
     * @return the state, or nothing if the server died before it had prepared one; it cannot have changed the image
     *     then
     * @throws StateException if the memory contains something else
     */
    public static Optional<DeviceState> load(StateMemory memory) throws StateException {
        if (memory.sizeBytes() < WORDS_AT || memory.load(MAGIC_AT) == 0) {
            return Optional.empty();
        }
        if (memory.load(MAGIC_AT) != MAGIC) {
            throw new StateException("the saved state is not of this version of ublk-zoned");
        }
        DeviceShape shape;
        try {
            DeviceGeometry geometry = new DeviceGeometry(
                    memory.load(SIZE_AT),
                    memory.load(ZONE_SIZE_AT),
                    memory.load(CAPACITY_AT),
                    Math.toIntExact(memory.load(CONVENTIONAL_ZONES_AT)),
                    Math.toIntExact(memory.load(MAX_OPEN_AT)),
                    Math.toIntExact(memory.load(MAX_ACTIVE_AT)));
            shape = new DeviceShape(
                    geometry, Math.toIntExact(memory.load(BLOCK_BYTES_AT)), Math.toIntExact(memory.load(SLOTS_AT)));
        } catch (GeometryException | ArithmeticException e) {
            throw new StateException("the saved state is damaged: " + e.getMessage());
        }
        if (shape.slots() < 0 || memory.sizeBytes() < sizeBytes(shape)) {
            throw new StateException("the saved state is damaged: its file has %d bytes".formatted(memory.sizeBytes()));
        }
        DeviceState state = new DeviceState(memory, shape);
        DeviceGeometry geometry = shape.geometry();
        for (int zone = geometry.conventionalZones(); zone < geometry.zoneCount(); zone++) {
            if (state.writePointerBytes(zone) > geometry.zoneStart(zone) + geometry.zoneSizeBytes()) {
                throw new StateException("the saved state is damaged: zone " + zone + " ends past its size");
            }
        }
        return Optional.of(state);
    }

    private void store(long offset, UUID id) {
        memory.store(offset, id.getMostSignificantBits());
        memory.store(offset + Long.BYTES, id.getLeastSignificantBits());
    }

    private UUID loadId(long offset) {
        return new UUID(memory.load(offset), memory.load(offset + Long.BYTES));
    }

    public DeviceShape shape() {
        return shape;
    }

    /** Returns the random number of the attach, which the image has too. */
    public UUID attachId() {
        return loadId(ATTACH_ID_AT);
    }

    /** Returns the identity of the image file when the device was last attached or resumed. */
    public ImageIdentity image() {
        return new ImageIdentity(loadId(BOOT_ID_AT), memory.load(DEVICE_AT), memory.load(INODE_AT));
    }

    /** Records the file that is the image from now on. */
    void setImage(ImageIdentity image) {
        memory.store(DEVICE_AT, image.device());
        memory.store(INODE_AT, image.inode());
        store(BOOT_ID_AT, image.bootId());
    }

    /** Returns whether the device was attached. Before that it has acknowledged nothing. */
    public boolean wasBegun() {
        return memory.load(STATUS_AT) != 0;
    }

    /** Returns whether the words are valid: the device was attached, and no sync of its image has failed. */
    boolean isValid() {
        return memory.load(STATUS_AT) == BEGUN;
    }

    /** Makes the words valid, because all of them have been stored. */
    void begin() {
        memory.store(STATUS_AT, BEGUN);
    }

    /**
     * Invalidates the words after a failed sync. Data that they describe may already be lost, so only flushed data
     * counts from now on.
     */
    void end() {
        memory.store(STATUS_AT, ENDED);
    }

    /** Returns the number of metadata changes of the image: see {@link Generation}. */
    long generation() {
        return memory.load(GENERATION_AT);
    }

    void putGeneration(long generation) {
        memory.store(GENERATION_AT, generation);
    }

    /** Returns the generation that is at least durable in the image. */
    long durableGeneration() {
        return memory.load(DURABLE_GENERATION_AT);
    }

    void putDurableGeneration(long generation) {
        memory.store(DURABLE_GENERATION_AT, generation);
    }

    /**
     * Replaces the word of a zone.
     *
     * @param writePointerBytes every byte below it is in the image file and acknowledged, or about to be
     * @param lastWriteBytes the length of the write that ended there, 0 if none did
     * @param hasRemains whether an unacknowledged write may have left data above a write pointer of the zone
     */
    void put(Zone zone, long writePointerBytes, int lastWriteBytes, boolean hasRemains) {
        long pointer = (writePointerBytes - zone.startBytes()) >>> SECTOR_SHIFT;
        long length = (long) lastWriteBytes >>> SECTOR_SHIFT;
        long condition = zone.condition().code();
        long word = pointer | length << POINTER_BITS | condition << CONDITION_SHIFT;
        memory.store(WORDS_AT + (long) zone.index() * Long.BYTES, hasRemains ? word | REMAINS : word);
    }

    /** Returns the write pointer of a zone as a device address. */
    public long writePointerBytes(int zone) {
        return geometry.zoneStart(zone) + ((word(zone) & POINTER_MASK) << SECTOR_SHIFT);
    }

    /**
     * Returns the length of the last acknowledged write of a zone, 0 if none has completed since the zone was empty or
     * finished.
     */
    int lastWriteBytes(int zone) {
        return (int) (word(zone) >>> POINTER_BITS & LENGTH_MASK) << SECTOR_SHIFT;
    }

    /** Returns whether a zone was in this condition. */
    boolean hadCondition(int zone, ZoneCondition condition) {
        return (word(zone) >>> CONDITION_SHIFT & CONDITION_MASK) == condition.code();
    }

    /** Returns whether data in a zone's clusters may differ from the data that was acknowledged there. */
    boolean hasRemains(int zone) {
        return (word(zone) & REMAINS) != 0;
    }

    private long word(int zone) {
        return memory.load(WORDS_AT + (long) zone * Long.BYTES);
    }

    /** Records an append that has been carried out and whose place the kernel does not know yet. */
    void putAppend(int slot, long placeBytes, int lengthBytes) {
        long place = placeBytes >>> SECTOR_SHIFT;
        long length = (long) lengthBytes >>> SECTOR_SHIFT;
        memory.store(slotAt(slot), place << APPEND_LENGTH_BITS | length);
    }

    /** Removes the append of this slot, so that no later request is taken for it. */
    void removeAppend(int slot) {
        memory.store(slotAt(slot), 0L);
    }

    /** Returns the place of the slot's append as a device address. */
    long appendPlaceBytes(int slot) {
        return (append(slot) >>> APPEND_LENGTH_BITS) << SECTOR_SHIFT;
    }

    /** Returns the length of the slot's append, 0 if the slot has none. */
    int appendLengthBytes(int slot) {
        return (int) (append(slot) & APPEND_LENGTH_MASK) << SECTOR_SHIFT;
    }

    private long append(int slot) {
        return memory.load(slotAt(slot));
    }

    private long slotAt(int slot) {
        return slotsAt + (long) slot * Long.BYTES;
    }
}
