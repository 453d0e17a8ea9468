package io.ublkzoned.engine.sim;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The areas of an image, read from its bytes by the qcow2 specification and without the engine's own classes. They tell
 * from the offset of a write what it wrote.
 */
public final class ImageAreas {

    public enum Area {
        HEADER,
        L1,
        L2,
        REFCOUNTS,
        WRITE_POINTERS,
        DATA
    }

    private static final int ATTACH_MAGIC = 0x755a6964;
    private static final int ATTACH_BYTES = 24;
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;

    private final SimulatedDisk image;
    private final ByteBuffer header;
    private final int clusterBits;
    private final Map<Long, Area> clusters = new HashMap<>();

    public ImageAreas(SimulatedDisk image) {
        this.image = image;
        header = ByteBuffer.wrap(image.peek(0, 4096));
        clusterBits = header.getInt(20);
        mark(0, 1, Area.HEADER);
        long l1 = header.getLong(40);
        int l1Entries = header.getInt(36);
        mark(l1, (long) l1Entries * Long.BYTES, Area.L1);
        markTargets(l1, l1Entries, Area.L2);
        long table = header.getLong(48);
        int tableBytes = header.getInt(56) << clusterBits;
        mark(table, tableBytes, Area.REFCOUNTS);
        markTargets(table, tableBytes / Long.BYTES, Area.REFCOUNTS);
        ZonedFields zoned = ZonedFields.of(header);
        mark(zoned.tableOffset(), (long) zoned.zones() * Long.BYTES, Area.WRITE_POINTERS);
    }

    private void markTargets(long table, int entries, Area area) {
        ByteBuffer bytes = ByteBuffer.wrap(image.peek(table, entries * Long.BYTES));
        for (int i = 0; i < entries; i++) {
            long target = bytes.getLong(i * Long.BYTES) & OFFSET_MASK;
            if (target != 0) {
                mark(target, 1L << clusterBits, area);
            }
        }
    }

    private void mark(long offset, long length, Area area) {
        for (long cluster = offset >>> clusterBits; cluster << clusterBits < offset + length; cluster++) {
            clusters.put(cluster, area);
        }
    }

    /** Returns the offset of an extension's data. */
    private static int extension(ByteBuffer header, int magic) {
        int at = header.getInt(100);
        while (header.getInt(at) != magic) {
            at += 8 + (header.getInt(at + 4) + 7) / 8 * 8;
        }
        return at + 8;
    }

    /** Erases the record of the attach, in which alone two recoveries differ. */
    static void eraseAttachRecord(SimulatedDisk image) {
        image.writeData(attachRecordAt(image), new byte[ATTACH_BYTES], 0, ATTACH_BYTES);
    }

    /** Changes the attach id, as if another attach had written to the image. */
    static void changeAttachId(SimulatedDisk image) {
        image.writeData(attachRecordAt(image), TestData.stamped(-1, 2 * Long.BYTES), 0, 2 * Long.BYTES);
    }

    /** Makes two images count as equal if they differ only in the record of the attach. */
    static void ignoreAttachRecord(SimulatedDisk image) {
        image.ignoreInHashes(attachRecordAt(image), ATTACH_BYTES);
    }

    private static int attachRecordAt(SimulatedDisk image) {
        return extension(ByteBuffer.wrap(image.peek(0, 4096)), ATTACH_MAGIC);
    }

    public Area of(long offset) {
        return clusters.getOrDefault(offset >>> clusterBits, Area.DATA);
    }

    public boolean isMarkedDirty() {
        return (image.peek(72, 8)[7] & 1) != 0;
    }

    /**
     * Returns all writes, holes and syncs so far as words: the area for a write, "SYNC", "PUNCH". Repetitions are left
     * out.
     */
    public List<String> writesAndSyncs() {
        List<String> words = new ArrayList<>();
        for (SimulatedDisk.Event event : image.events) {
            switch (event.call()) {
                case WRITE, DATA_WRITE -> addNew(words, of(event.offset()).name());
                case SYNC -> words.add("SYNC");
                case PUNCH -> addNew(words, "PUNCH");
                case READ, DATA_READ, SET_SIZE -> {}
            }
        }
        return words;
    }

    private static void addNew(List<String> words, String word) {
        if (words.isEmpty() || !words.getLast().equals(word)) {
            words.add(word);
        }
    }
}
