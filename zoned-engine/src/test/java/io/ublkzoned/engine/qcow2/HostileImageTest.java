package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Randomly damaged files: they are refused or used, without any other effect. */
class HostileImageTest {

    private static final int FILES = 4000;

    private static SparseImage victim() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 40960, 3 * Images.MIB + (768 << 10));
        Images.map(file, 512, 10);
        Images.map(file, 768, 192);
        Images.map(file, 100, 30);
        return file;
    }

    private static void damage(SparseImage file, Random random) throws IOException {
        long[] interesting = {0, -1, 1, 1L << 62, 1L << 63, 0x7fffffff, 0xffffffffL, 4096, 512, file.sizeBytes()};
        int changes = 1 + random.nextInt(2);
        for (int i = 0; i < changes; i++) {
            long offset = switch (random.nextInt(6)) {
                case 0, 1 -> random.nextInt(112);
                case 2 -> Images.ZONED - 8 + random.nextInt(64);
                case 3 -> file.getLong(Images.L1_OFFSET) + random.nextInt(64);
                case 4 -> file.getLong(Images.REFCOUNT_TABLE_OFFSET) + random.nextInt(64);
                default -> random.nextLong(file.sizeBytes());
            };
            long value = random.nextBoolean() ? random.nextLong() : interesting[random.nextInt(interesting.length)];
            if (offset < 0 || offset > file.sizeBytes() - 8) {
                continue;
            }
            switch (random.nextInt(3)) {
                case 0 -> file.putByte(offset, (int) value);
                case 1 -> file.putInt(offset & ~3L, (int) value);
                default -> file.putLong(offset & ~7L, value);
            }
        }
        if (random.nextInt(10) == 0) {
            file.setSize(random.nextLong(file.sizeBytes()));
        }
    }

    @Test
    void damagedFilesEndInTheDocumentedExceptionOnly() throws IOException {
        SparseImage victim = victim();
        int refused = 0;
        int used = 0;
        for (int seed = 0; seed < FILES; seed++) {
            SparseImage file = victim.copy();
            damage(file, new Random(seed));
            try {
                ImageChecker.check(file);
            } catch (ImageFormatException e) {
                // The image cannot be checked.
            } catch (IOException | RuntimeException | Error e) {
                fail("check, seed " + seed, e);
            }
            try {
                use(Qcow2Image.open(file, Access.READ_ONLY));
                use(Qcow2Image.open(file, Access.READ_WRITE));
                used++;
            } catch (ImageFormatException e) {
                refused++;
            } catch (IOException | RuntimeException | Error e) {
                fail("open, seed " + seed, e);
            }
        }
        assertTrue(refused > FILES / 4 && used > FILES / 20, refused + " refused, " + used + " used");
    }

    @ParameterizedTest
    @EnumSource
    void damagedExtensionsEndInTheDocumentedExceptionOnly(ZonedLayout layout) throws IOException {
        SparseImage victim = Images.create(Images.small().layout(layout));
        long[] interesting = {0, -1, 1, 1L << 32, 1L << 63, 0x0100_0000_0000_0000L, 4096, 512, victim.sizeBytes()};
        int refused = 0;
        for (int seed = 0; seed < FILES / 4; seed++) {
            SparseImage file = victim.copy();
            Random random = new Random(seed);
            long offset = random.nextBoolean()
                    ? Images.ZONED - 8 + random.nextInt(64)
                    : Images.pointers(victim, layout) + random.nextInt(128);
            long value = random.nextBoolean() ? random.nextLong() : interesting[random.nextInt(interesting.length)];
            if (random.nextBoolean()) {
                file.putInt(offset & ~3L, (int) value);
            } else {
                file.putLong(offset, value);
            }
            try {
                use(Qcow2Image.open(file, Access.READ_WRITE));
            } catch (ImageFormatException e) {
                refused++;
            } catch (IOException | RuntimeException | Error e) {
                fail("open, seed " + seed, e);
            }
        }
        assertTrue(refused > FILES / 8 && refused < FILES / 4, refused + " refused");
    }

    private static void use(Qcow2Image image) throws IOException {
        long count = image.geometry().sizeBytes() >>> image.clusterBits();
        int some = (int) Math.min(count, 10_000);
        image.readMapping(0, some, new long[some]);
        image.readMapping(count - some, some, new long[some]);
    }

    @Test
    void recoveredFilesAreCleanOrRefused() throws IOException {
        SparseImage victim = victim();
        victim.putLong(Images.INCOMPATIBLE, 0x21);
        for (int seed = 0; seed < FILES / 4; seed++) {
            SparseImage file = victim.copy();
            Random random = new Random(seed);
            long blocks = file.getLong(file.getLong(Images.REFCOUNT_TABLE_OFFSET));
            file.putLong(blocks + 8L * random.nextInt(300), random.nextLong());
            if (random.nextBoolean()) {
                file.putLong(Images.l2Entry(file, random.nextInt(4096)), random.nextLong(file.sizeBytes()) & ~4095L);
            }
            try {
                Qcow2Image.open(file, Access.READ_WRITE).markClosed();
            } catch (ImageFormatException e) {
                continue;
            }
            CheckResult result = ImageChecker.check(file);
            assertTrue(result.status() == CheckResult.Status.CLEAN, "seed " + seed + ": " + result.findings());
        }
    }
}
