package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.StockTools;
import io.ublkzoned.engine.sim.SimulatedDisk;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * An image that stock tools made, of 8 zones of 2 MiB, the first two conventional, once it has the extension of layout
 * v6. It is written byte by byte, without the engine's own classes.
 */
final class ForeignImage {

    static final int ZONE = 2 << 20;
    static final int ZONES = 8;
    static final int SIZE = ZONES * ZONE;

    private static final int CONVENTIONAL = 2;
    private static final int INCOMPATIBLE = 72;
    private static final int HEADER_LENGTH = 100;
    private static final int FEATURE_NAMES = 0x6803f857;
    private static final long ZONED_AND_DIRTY = 0x21;

    private ForeignImage() {}

    /**
     * Makes a plain image a zoned one that was not closed, with the write pointer table at its end. The names of
     * features make room for the extension. Other extensions stay.
     */
    static void giveZones(Path path, long... pointers) throws IOException {
        byte[] plain = Files.readAllBytes(path);
        int cluster = 1 << ByteBuffer.wrap(plain).getInt(20);
        int table = (plain.length + cluster - 1) / cluster * cluster;
        ByteBuffer file = ByteBuffer.wrap(Arrays.copyOf(plain, table + Math.max(cluster, pointers.length * 8)));
        int at = file.getInt(HEADER_LENGTH);
        ByteBuffer extensions = ByteBuffer.allocate(cluster);
        for (int from = at; file.getInt(from) != 0; from += paddedLength(file, from)) {
            if (file.getInt(from) != FEATURE_NAMES) {
                extensions.put(file.slice(from, paddedLength(file, from)));
            }
        }
        extensions.putInt(GoldenImage.MAGIC).putInt(48);
        extensions
                .putInt(1 << 24)
                .putInt(ZONE)
                .putInt(ZONE)
                .putInt(CONVENTIONAL)
                .putInt(ZONES);
        extensions.putInt(0).putInt(0).putInt(65536).putLong(ZONES * Long.BYTES).putLong(table);
        extensions.putLong(0);
        file.put(at, extensions.flip(), 0, extensions.limit());
        file.putLong(INCOMPATIBLE, file.getLong(INCOMPATIBLE) | ZONED_AND_DIRTY);
        file.order(ByteOrder.LITTLE_ENDIAN);
        for (int zone = 0; zone < ZONES; zone++) {
            long flag = zone < CONVENTIONAL ? 1L << 59 : 0;
            file.putLong(table + zone * Long.BYTES, pointers[zone] | flag);
        }
        Files.write(path, file.array());
    }

    private static int paddedLength(ByteBuffer file, int at) {
        return 8 + (file.getInt(at + 4) + 7) / 8 * 8;
    }

    /** Reads a file into memory. */
    static void load(Path path, SimulatedDisk image) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        image.setSize(bytes.length);
        byte[] hole = new byte[4096];
        for (int at = 0; at < bytes.length; at += hole.length) {
            int end = Math.min(bytes.length, at + hole.length);
            if (!Arrays.equals(bytes, at, end, hole, 0, end - at)) {
                image.write(MemorySegment.ofArray(Arrays.copyOfRange(bytes, at, end)), at);
            }
        }
        image.sync(Barrier.HEADER_BEFORE_CREATED);
    }

    /** Writes an image to a file that the stock tools open: bit 5 is cleared. */
    static void saveForStockTools(SimulatedDisk image, Path path) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(image.peek(0, (int) image.sizeBytes()));
        assertEquals(0x20, bytes.getLong(INCOMPATIBLE) & ZONED_AND_DIRTY);
        bytes.putLong(INCOMPATIBLE, bytes.getLong(INCOMPATIBLE) & ~ZONED_AND_DIRTY);
        Files.write(path, bytes.array());
    }

    /** Returns the data that the stock tools read from an image. */
    static byte[] contents(Path path) throws IOException {
        Path raw = path.resolveSibling(path.getFileName() + ".raw");
        StockTools.succeed("qemu-img", "convert", "-f", "qcow2", "-O", "raw", path.toString(), raw.toString());
        return Files.readAllBytes(raw);
    }
}
