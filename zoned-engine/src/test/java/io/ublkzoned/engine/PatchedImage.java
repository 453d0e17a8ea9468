package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A valid image with patches. The first input byte chooses the image. Each patch is a place, an index there, and a rule
 * for the value. So a fuzzer passes magic numbers and lengths, and reaches the fields that matter.
 */
final class PatchedImage {

    private static final int PATCHES_MAX = 32;
    private static final long[] VALUES = {
        0,
        1,
        -1,
        2,
        512,
        4096,
        65536,
        1 << 20,
        0x7fff_ffff,
        0xffff_ffffL,
        1L << 40,
        1L << 56,
        1L << 59,
        1L << 62,
        1L << 63
    };

    private static final List<SimulatedDisk> IMAGES = images();

    private final SimulatedDisk image;
    private final ByteBuffer input;

    private PatchedImage(SimulatedDisk image, ByteBuffer input) {
        this.image = image;
        this.input = input;
    }

    static SimulatedDisk of(byte[] input) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(input);
        int choice = bytes.hasRemaining() ? bytes.get() & 0xff : 0;
        PatchedImage patched =
                new PatchedImage(IMAGES.get(choice % IMAGES.size()).copy(), bytes);
        for (int i = 0; i < PATCHES_MAX && bytes.remaining() >= 4; i++) {
            patched.patch();
        }
        return patched.image;
    }

    private static List<SimulatedDisk> images() {
        try {
            FormatOptions.Builder small = World.smallOptions().clusterSize(4096);
            SimulatedDisk closed = written(small, true);
            SimulatedDisk unclosed = written(small, false);
            return List.of(closed, unclosed, written(World.smallOptions(), true));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Creates an image with data in a conventional zone, and sequential zones that are full, half full, and emptied
     * again.
     */
    private static SimulatedDisk written(FormatOptions.Builder options, boolean close) throws IOException {
        World world = new World(options.build());
        world.write(world.start(0) + (100 << 10), new byte[64 << 10]);
        world.write(world.start(2), new byte[300 << 10]);
        world.write(world.start(3), new byte[768 << 10]);
        world.write(world.start(4), new byte[5 << 10]);
        world.run(BlockOp.ZONE_FINISH, 4);
        world.write(world.start(5), new byte[5 << 10]);
        world.flush();
        world.run(BlockOp.ZONE_RESET, 5);
        if (close) {
            world.close();
        }
        return world.image.copy();
    }

    private void patch() throws IOException {
        int place = input.get() & 0xff;
        int index = input.getShort() & 0xffff;
        int how = input.get() & 0xff;
        long l1 = getLong(40);
        long refcountTable = getLong(48);
        long zoned = 112 + 8 + 9 * 48 + 8;
        long offset = switch (place % 9) {
            case 0 -> index % 112;
            case 1 -> 112 + index % 512;
            case 2 -> zoned - 8 + index % 64;
            case 3 -> l1 + 8L * (index % 16);
            case 4 -> refcountTable + 8L * (index % 16);
            case 5 -> getLong(zoned + 24) + 8L * (index % 16);
            case 6 -> (getLong(l1 + 8L * (index >>> 9 & 7)) & Long.MAX_VALUE) + 8L * (index % 512);
            case 7 -> getLong(refcountTable) + 2L * (index % 1024);
            default -> -1;
        };
        int width = 1 << (how / 8 % 4);
        if (place % 9 == 8) {
            image.setSize(value(how, image.sizeBytes()) & 0xff_ffff_ffff_ffffL);
        } else if (offset >= 0 && offset <= image.sizeBytes() - Long.BYTES) {
            put(offset, width, value(how, getLong(offset) >>> (Long.SIZE - 8 * width)));
        }
    }

    private long value(int how, long old) {
        int operand = input.hasRemaining() ? input.get() : 0;
        return switch (how % 8) {
            case 0, 1 -> input.remaining() >= Long.BYTES ? input.getLong() : operand;
            case 2 -> VALUES[(operand & 0xff) % VALUES.length];
            case 3 -> old ^ 1L << operand;
            case 4 -> old + operand;
            case 5 -> ((long) (operand & 0xff) << 12) | 1L << 63;
            case 6 -> (long) (operand & 0xff) << 12;
            default -> old + ((long) operand << 12);
        };
    }

    private long getLong(long offset) {
        if (offset < 0 || offset > image.sizeBytes() - Long.BYTES) {
            return 0;
        }
        return ByteBuffer.wrap(image.peek(offset, Long.BYTES)).getLong();
    }

    private void put(long offset, int width, long value) {
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).putLong(value).array();
        image.writeData(offset, bytes, Long.BYTES - width, width);
    }
}
