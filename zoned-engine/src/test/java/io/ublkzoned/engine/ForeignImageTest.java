package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.StockTools;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Images that stock tools made with everything that the format allows. They are used unchanged, or refused and not
 * modified.
 */
@Tag("native")
final class ForeignImageTest {

    private static final int TRIES = 20;
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;
    private static final int ZONE = ForeignImage.ZONE;

    @TempDir
    Path directory;

    private Path path;
    private final byte[] expected = new byte[ForeignImage.SIZE];

    @BeforeAll
    static void toolsAreThere() {
        StockTools.require();
    }

    @BeforeEach
    void nameImage() {
        path = directory.resolve("foreign.qcow2");
    }

    private void create(String... options) throws IOException {
        String[] command = new String[options.length + 5];
        System.arraycopy(new String[] {"qemu-img", "create", "-q", "-f", "qcow2"}, 0, command, 0, 5);
        System.arraycopy(options, 0, command, 5, options.length);
        StockTools.Outcome outcome = StockTools.run(command);
        // For encryption qemu-img measures the CPU, which occasionally fails on a virtual machine.
        for (int i = 1; i < TRIES && outcome.output().contains("Unable to get accurate CPU usage"); i++) {
            outcome = StockTools.run(command);
        }
        assertEquals(0, outcome.exit(), String.join(" ", command) + ": " + outcome.output());
    }

    private String name() {
        return path.toString();
    }

    private static long[] pointers(int... written) {
        long[] pointers = new long[ForeignImage.ZONES];
        for (int zone = 0; zone < pointers.length; zone++) {
            pointers[zone] = (long) zone * ZONE + (zone < written.length ? written[zone] : 0);
        }
        return pointers;
    }

    private void expect(int offset, int length, int value) {
        Arrays.fill(expected, offset, offset + length, (byte) value);
    }

    /** Writes with a stock tool, from the end to the start, with clusters of zeros of both kinds. */
    private void fill() throws IOException {
        StockTools.io(
                name(),
                "write -P 9 15M 64k",
                "write -P 5 10M 1M",
                "write -P 4 7M 512k",
                "write -P 3 6M 1M",
                "write -P 2 3M 64k",
                "write -P 1 256k 256k",
                "write -z 320k 64k",
                "write -z 2M 256k",
                "write -z 6400k 128k");
        expect(10 * MIB, MIB, 5);
        expect(7 * MIB, 512 * KIB, 4);
        expect(6 * MIB, MIB, 3);
        expect(3 * MIB, 64 * KIB, 2);
        expect(256 * KIB, 256 * KIB, 1);
        expect(320 * KIB, 64 * KIB, 0);
        expect(6400 * KIB, 128 * KIB, 0);
    }

    private void write(World world, int offset, int length, int value) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        assertEquals(length, world.write(offset, data));
        expect(offset, length, value);
    }

    private void assertExpected(World world) {
        for (int offset = 0; offset < expected.length; offset += MIB) {
            assertArrayEquals(
                    Arrays.copyOfRange(expected, offset, offset + MIB), world.read(offset, MIB), "at " + offset);
        }
    }

    private void use(World world) throws IOException {
        assertExpected(world);
        write(world, 7 * MIB + 512 * KIB, 64 * KIB, 0x14);
        write(world, 11 * MIB, 4 * KIB, 0x15);
        write(world, 4 * ZONE, 3 * KIB + 512, 0x16);
        write(world, 7 * ZONE, ZONE / 2, 0x17);
        write(world, 330 * KIB, 4 * KIB, 0x18);
        write(world, 2 * MIB + 100 * KIB, 200 * KIB, 0x19);
        write(world, 3 * MIB + 8 * KIB, 4 * KIB, 0x1a);
        assertExpected(world);
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 5));
        expect(5 * ZONE, ZONE, 0);
        write(world, 5 * ZONE, 128 * KIB, 0x1b);
        world.reopen();
        assertExpected(world);
        world.close();

        CheckResult result = ImageChecker.check(world.image);
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
        Path stock = directory.resolve("stock.qcow2");
        ForeignImage.saveForStockTools(world.image, stock);
        StockTools.Outcome check = StockTools.run("qemu-img", "check", stock.toString());
        assertEquals(1, check.leaks().size(), check.output());
        assertFalse(check.output().contains("ERROR"), check.output());
        assertArrayEquals(expected, ForeignImage.contents(stock));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "cluster_size=512,refcount_bits=16",
                "cluster_size=1k,refcount_bits=1",
                "cluster_size=2k,refcount_bits=2",
                "cluster_size=4k,refcount_bits=4",
                "cluster_size=16k,refcount_bits=64",
                "cluster_size=64k,refcount_bits=8",
                "cluster_size=256k,refcount_bits=32",
                "cluster_size=2M,refcount_bits=16",
                "cluster_size=2M,refcount_bits=1",
                "preallocation=metadata",
                "preallocation=metadata,cluster_size=2M",
                "preallocation=falloc",
                "preallocation=full,cluster_size=4k",
                "lazy_refcounts=on",
                "compression_type=zstd"
            })
    void imageIsUsedWhateverItsClustersAndRefcountsAre(String options) throws IOException {
        create("-o", options, name(), "16M");
        fill();
        ForeignImage.giveZones(path, pointers(0, 0, 0, 3 * ZONE / 4, 0, MIB));
        use(new World(image -> ForeignImage.load(path, image)));
    }

    private void assertRefused(String sentence) throws IOException {
        ForeignImage.giveZones(path, pointers());
        SimulatedDisk image = new SimulatedDisk();
        ForeignImage.load(path, image);
        image.events.clear();
        byte[] before = image.peek(0, (int) image.sizeBytes());
        assertEquals(
                sentence,
                assertThrows(ImageFormatException.class, () -> ZonedDevice.open(image, () -> {}))
                        .getMessage());
        assertArrayEquals(before, image.peek(0, (int) image.sizeBytes()));
        assertEquals(
                List.of(),
                image.events.stream()
                        .filter(event -> event.call() != SimulatedDisk.Call.READ)
                        .toList());
        assertEquals(
                ForeignImage.ZONES,
                Qcow2Image.open(image, Access.READ_ONLY).geometry().zoneCount());
    }

    @Test
    void snapshotsAreRefused() throws IOException {
        create(name(), "16M");
        StockTools.io(name(), "write -P 1 0 64k");
        StockTools.succeed("qemu-img", "snapshot", "-c", "one", name());
        assertRefused(
                "the image has snapshots, which share the clusters that the reset of a zone would free: copy its data to an image made with ublk-zoned create");
    }

    @Test
    void backingFileIsRefused() throws IOException {
        String base = directory.resolve("base.raw").toString();
        StockTools.succeed("qemu-img", "create", "-q", "-f", "raw", base, "16M");
        create("-b", base, "-F", "raw", name());
        assertRefused(
                "the image has a backing file, whose data would appear in reset zones: copy its data to an image made with ublk-zoned create");
    }

    @Test
    void externalDataFileIsRefused() throws IOException {
        create("-o", "data_file=" + directory.resolve("data.raw"), name(), "16M");
        StockTools.io(name(), "write -P 1 0 64k");
        assertRefused(
                "the image keeps its data in an external data file, which this version does not open: copy its data to an image made with ublk-zoned create");
    }

    @Test
    void encryptedImageIsRefused() throws IOException {
        create(
                "--object",
                "secret,id=key,data=abc",
                "-o",
                "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10",
                name(),
                "16M");
        assertRefused(
                "the image is encrypted, and this version has no keys: copy its data to an image made with ublk-zoned create");
    }

    @Test
    void persistentBitmapIsRefused() throws IOException {
        create(name(), "16M");
        StockTools.succeed("qemu-img", "bitmap", "--add", name(), "one");
        assertRefused(
                "the image has persistent bitmaps, which a write would make stale: copy its data to an image made with ublk-zoned create");
    }

    @Test
    void extendedL2EntriesAreRefused() throws IOException {
        create("-o", "extended_l2=on", name(), "16M");
        StockTools.io(name(), "write -P 1 0 4k");
        assertRefused(
                "the image has extended L2 entries, which this version does not read: copy its data to an image made with ublk-zoned create");
    }

    @ParameterizedTest
    @ValueSource(strings = {"zlib", "zstd"})
    void compressedClustersAreRefused(String type) throws IOException {
        create("-o", "compression_type=" + type, name(), "16M");
        StockTools.io(name(), "write -P 1 0 64k", "write -c -P 2 6M 64k");
        assertRefused(
                "guest cluster 96 is compressed, which this version does not read: copy the data to an image made with ublk-zoned create");
    }

    @Test
    void imageOfLayoutV4WhoseTableStockToolsFreedIsRefused() throws IOException {
        SimulatedDisk image = new SimulatedDisk();
        ImageFormatter.format(
                image,
                FormatOptions.ofSize(ForeignImage.SIZE)
                        .zoneSize(ZONE)
                        .layout(ZonedLayout.V4)
                        .build());
        Files.write(path, image.peek(0, (int) image.sizeBytes()));
        StockTools.succeed("qemu-img", "check", "-q", "-r", "leaks", path.toString());
        SimulatedDisk repaired = new SimulatedDisk();
        ForeignImage.load(path, repaired);
        for (Access access : Access.values()) {
            assertEquals(
                    "the write pointer of zone 1 is 0, outside of the zone: run ublk-zoned check",
                    assertThrows(ImageFormatException.class, () -> Qcow2Image.open(repaired, access))
                            .getMessage());
        }
    }
}
