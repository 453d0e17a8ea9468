package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.util.UUID;

/**
 * The record of the attach that last wrote to an image, in a private header extension. It ties a saved state to the
 * image: see {@link io.ublkzoned.engine.StateCheck}.
 *
 * <p>On disk, big-endian: the id, 16 bytes; the generation, 8 bytes.
 *
 * @param id a random number, new with each attach
 * @param generation the number of flushes, resets, finishes and changes of conditions that the attach has carried out
 */
public record AttachRecord(UUID id, long generation) {

    /** The record of an image that was never attached, or that has changed since without being attached. */
    static final AttachRecord NONE = new AttachRecord(new UUID(0, 0), 0);

    static final int BYTES = 24;

    static final int GENERATION_AT = 16;

    /** Decodes the data of the extension. */
    static AttachRecord decode(MemorySegment data) {
        UUID id = new UUID(data.get(BigEndian.LONG, 0), data.get(BigEndian.LONG, Long.BYTES));
        return new AttachRecord(id, data.get(BigEndian.LONG, GENERATION_AT));
    }

    /** Encodes the record into the data of the extension. */
    void encode(MemorySegment data) {
        data.set(BigEndian.LONG, 0, id.getMostSignificantBits());
        data.set(BigEndian.LONG, Long.BYTES, id.getLeastSignificantBits());
        data.set(BigEndian.LONG, GENERATION_AT, generation);
    }

    /** Returns the extension that holds the record. */
    HeaderExtension extension() {
        MemorySegment data = MemorySegment.ofArray(new byte[BYTES]);
        encode(data);
        return new HeaderExtension(HeaderExtension.ATTACH, data);
    }
}
