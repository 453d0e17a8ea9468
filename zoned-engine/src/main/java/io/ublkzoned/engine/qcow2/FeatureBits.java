package io.ublkzoned.engine.qcow2;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** The feature bits of a header, and the table of names for them (qcow2 specification, "Feature name table"). */
final class FeatureBits {

    static final long DIRTY = 1;
    static final long CORRUPT = 1 << 1;
    static final long EXTERNAL_DATA = 1 << 2;
    static final long COMPRESSION_TYPE = 1 << 3;
    static final long EXTENDED_L2 = 1 << 4;
    static final long ZONED = 1 << 5;

    /** A private autoclear bit: this program closed the image, and all free clusters are holes. */
    static final long FREE_CLUSTERS_ARE_HOLES = 1L << 62;

    private static final long KNOWN = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION_TYPE | EXTENDED_L2 | ZONED;

    private static final int ENTRY_BYTES = 48;
    private static final int NAME_BYTES = ENTRY_BYTES - 2;

    /** @param kind the bitmap: 0 incompatible, 1 compatible, 2 autoclear */
    private record Name(int kind, int bit, String text) {}

    private static final List<Name> NAMES = List.of(
            new Name(0, 0, "dirty bit"),
            new Name(0, 1, "corrupt bit"),
            new Name(0, 2, "external data file"),
            new Name(0, 3, "compression type"),
            new Name(0, 4, "extended L2 entries"),
            new Name(0, 5, "zoned format"),
            new Name(1, 0, "lazy refcounts"),
            new Name(2, 0, "bitmaps"),
            new Name(2, 1, "raw external data"));

    private FeatureBits() {}

    /** Returns the table of names for a new image. */
    static HeaderExtension nameTable() {
        MemorySegment data = MemorySegment.ofArray(new byte[NAMES.size() * ENTRY_BYTES]);
        for (int i = 0; i < NAMES.size(); i++) {
            Name name = NAMES.get(i);
            byte[] text = name.text.getBytes(StandardCharsets.US_ASCII);
            MemorySegment entry = data.asSlice((long) i * ENTRY_BYTES, ENTRY_BYTES);
            entry.copyFrom(MemorySegment.ofArray(new byte[] {(byte) name.kind, (byte) name.bit}));
            entry.asSlice(2).copyFrom(MemorySegment.ofArray(text));
        }
        return new HeaderExtension(HeaderExtension.FEATURE_NAMES, data);
    }

    /**
     * Names the incompatible features that this program does not know.
     *
     * @param nameTable the image's own table of names
     * @return the names, or null if the program knows all features
     */
    static @Nullable String unknownFeatures(long incompatible, @Nullable HeaderExtension nameTable) {
        long unknown = incompatible & ~KNOWN;
        if (unknown == 0) {
            return null;
        }
        StringJoiner names = new StringJoiner(", ");
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((unknown >>> bit & 1) != 0) {
                String name = nameTable == null ? "" : incompatibleName(nameTable.data(), bit);
                names.add(name.isEmpty() ? "bit " + bit : name);
            }
        }
        return names.toString();
    }

    private static String incompatibleName(MemorySegment table, int bit) {
        byte[] bytes = table.toArray(ValueLayout.JAVA_BYTE);
        for (int at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
            if (bytes[at] == 0 && bytes[at + 1] == bit) {
                String padded = new String(bytes, at + 2, NAME_BYTES, StandardCharsets.US_ASCII);
                int end = padded.indexOf('\0');
                return printable(end < 0 ? padded : padded.substring(0, end));
            }
        }
        return "";
    }

    /** Replaces characters that are unsafe on a terminal. */
    private static String printable(String name) {
        return name.replaceAll("[^ -~]", "?");
    }
}
