package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The verdict of the stock tools on our images. They must refuse the images. In a copy without the feature bit they
 * know everything except the write pointer table. So exactly its clusters must be leaked, and nothing else may be
 * wrong.
 */
@Tag("native")
class StockQemuTest {

    @TempDir
    Path directory;

    @BeforeAll
    static void qemuImgIsThere() {
        StockTools.require();
    }

    private Path format(FormatOptions.Builder options) throws IOException {
        Path path = directory.resolve("zoned.qcow2");
        try (FileChannelImage file = new FileChannelImage(path)) {
            ImageFormatter.format(file, options.build());
        }
        return path;
    }

    private static Qcow2Header header(FileChannelImage file) throws IOException {
        return HeaderReader.read(file);
    }

    private static void put(FileChannelImage file, long offset, long value) throws IOException {
        file.write(Images.bytes(value), offset);
    }

    /** Returns a copy that the stock tools open: incompatible bit 5 is cleared. */
    private Path stockCopy(Path image) throws IOException {
        Path copy = directory.resolve("stock.qcow2");
        Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannelImage file = new FileChannelImage(copy)) {
            assertEquals(
                    ZonedExtension.read(header(file)).layout().hasFeatureBit(),
                    header(file).has(FeatureBits.ZONED));
            put(file, Images.INCOMPATIBLE, 0);
        }
        return copy;
    }

    private void assertOnlyPointersLeak(Path image) throws IOException {
        try (FileChannelImage file = new FileChannelImage(image)) {
            CheckResult own = ImageChecker.check(file);
            assertEquals(CheckResult.Status.CLEAN, own.status(), own.findings().toString());
        }
        assertStockToolsFindOnlyPointers(image);
    }

    private void assertStockToolsFindOnlyPointers(Path image) throws IOException {
        List<Long> expected = new ArrayList<>();
        try (FileChannelImage file = new FileChannelImage(image)) {
            Qcow2Header header = header(file);
            ZonedExtension zoned = ZonedExtension.read(header);
            long first = zoned.tableOffset() >> header.clusterBits();
            for (long i = 0; i < HostLayout.ceilShift(zoned.tableBytes(), header.clusterBits()); i++) {
                expected.add(first + i);
            }
        }
        StockTools.Outcome check =
                StockTools.run("qemu-img", "check", stockCopy(image).toString());
        assertEquals(expected, check.leaks(), check.output());
        assertEquals(3, check.exit(), check.output());
        assertTrue(!check.output().contains("ERROR"), check.output());
    }

    @Test
    void stockToolsRefuseOurImagesByName() throws IOException {
        StockTools.Outcome info =
                StockTools.run("qemu-img", "info", format(Images.small()).toString());
        assertEquals(1, info.exit());
        assertTrue(info.output().contains("zoned format"), info.output());
    }

    @Test
    void newImagesHaveNothingWrongButTheUnknownTable() throws IOException {
        assertOnlyPointersLeak(format(Images.small()));
        assertOnlyPointersLeak(format(FormatOptions.ofSize(4 * Images.GIB).zoneSize(64 * Images.MIB)));
        assertOnlyPointersLeak(format(
                FormatOptions.ofSize(16 * Images.GIB).zoneSize(4 * Images.MIB).clusterSize(4096)));
        assertOnlyPointersLeak(
                format(FormatOptions.ofSize(Images.GIB).zoneSize(4 * Images.MIB).clusterSize(2 << 20)));
    }

    @Test
    void imagesWithDataAreRightAndTheDataIsWhereTheMappingsSay() throws IOException {
        Path path = format(Images.small());
        try (FileChannelImage file = new FileChannelImage(path)) {
            Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
            image.markInUse(Images.ATTACH);
            ClusterAllocator allocator = image.allocator();
            for (int zone = 0; zone < 16; zone += 3) {
                for (int part = 0; part < 2; part++) {
                    assertTrue(allocator.allocate(50));
                    long[] hostClusters = new long[50];
                    for (int i = 0; i < 50; i++) {
                        hostClusters[i] = allocator.runStart() + i;
                        MemorySegment data = MemorySegment.ofArray(new byte[4096]);
                        data.fill((byte) (zone + 1));
                        file.write(data, hostClusters[i] << 12);
                    }
                    image.writeMapping(zone * 256L + part * 50L, 50, hostClusters);
                }
                if (zone >= 2) {
                    image.writePointers().set(zone, zone * Images.MIB + 100 * 4096);
                }
            }
            image.writePointers().writeDirtyPages(file);
            writeRefcounts(file, allocator);
            image.markClosed();
        }
        assertOnlyPointersLeak(path);
        for (int zone = 0; zone < 16; zone += 3) {
            String read = "read -P %d %dM 400k".formatted(zone + 1, zone);
            StockTools.Outcome io =
                    StockTools.run("qemu-io", "-r", "-c", read, stockCopy(path).toString());
            assertEquals(0, io.exit(), io.output());
        }
    }

    @ParameterizedTest
    @EnumSource
    void convertedImagesHaveNothingWrongButTheUnknownTable(ZonedLayout from) throws IOException {
        Path path = format(Images.small().layout(from));
        for (ZonedLayout to : ZonedLayout.values()) {
            try (FileChannelImage file = new FileChannelImage(path)) {
                LayoutConverter.convert(file, to, CheckProgress.UNSEEN);
            }
            assertOnlyPointersLeak(path);
        }
    }

    /** While the copy of the extensions is in use, the header is longer than any that qemu-img knows. */
    @Test
    void interruptedConversionLeavesAHeaderThatStockToolsRead() throws IOException {
        Path path = format(Images.small().layout(ZonedLayout.V8));
        try (FileChannelImage file = new FileChannelImage(path)) {
            ExtensionSwitch change = new ExtensionSwitch(
                    header(file), ZonedExtension.read(header(file)).encode(), true);
            ImageFile cutShort = new CutShort(file, Barrier.CONVERSION_USE_BEFORE_REWRITE);
            assertThrows(IOException.class, () -> change.run(cutShort));
            assertTrue(ExtensionSwitch.isCopyInUse(header(file)));
        }
        assertStockToolsFindOnlyPointers(path);
        StockTools.Outcome info = StockTools.run("qemu-img", "info", path.toString());
        assertTrue(info.output().contains("zoned format"), info.output());
    }

    private static void writeRefcounts(FileChannelImage file, ClusterAllocator allocator) throws IOException {
        MemorySegment page = MemorySegment.ofArray(new byte[allocator.pageBytes()]);
        for (int i = allocator.nextDirtyPage(0); i >= 0; i = allocator.nextDirtyPage(i + 1)) {
            allocator.takeDirtyPage(i, page);
            file.write(page, allocator.pageOffsetBytes(i));
        }
    }

    @Test
    void imageThatQemuMadeAndWroteIsCompletedAndKeepsItsData() throws IOException {
        for (String refcountBits : List.of("1", "8", "16", "64")) {
            Path path = directory.resolve("foreign" + refcountBits + ".qcow2");
            String options = "cluster_size=4k,refcount_bits=" + refcountBits;
            assertEquals(
                    0,
                    StockTools.run("qemu-img", "create", "-f", "qcow2", "-o", options, path.toString(), "64M")
                            .exit());
            for (String write : List.of("write -P 7 40M 1M", "write -P 9 1M 64k", "write -P 8 20M 300k")) {
                assertEquals(
                        0,
                        StockTools.run("qemu-io", "-c", write, path.toString()).exit());
            }
            makeZoned(path);
            try (FileChannelImage file = new FileChannelImage(path)) {
                Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
                assertTrue(image.isDirty());
                image.markClosed();
            }
            assertOnlyPointersLeak(path);
            for (String read :
                    List.of("read -P 7 40M 1M", "read -P 9 1M 64k", "read -P 8 20M 300k", "read -P 0 50M 14M")) {
                StockTools.Outcome io = StockTools.run(
                        "qemu-io", "-r", "-c", read, stockCopy(path).toString());
                assertEquals(0, io.exit(), io.output());
                assertTrue(!io.output().contains("Pattern verification failed"), io.output());
            }
        }
    }

    /** Gives a plain image of 64 MiB zones of 4 MiB, with write pointers at the places that the test wrote. */
    private static void makeZoned(Path path) throws IOException {
        try (FileChannelImage file = new FileChannelImage(path)) {
            Qcow2Header plain = header(file);
            long table = HostLayout.ceilShift(file.sizeBytes(), plain.clusterBits()) << plain.clusterBits();
            file.setSize(table + plain.clusterBytes());
            FormatOptions options = FormatOptions.ofSize(64 * Images.MIB)
                    .zoneSize(4 * Images.MIB)
                    .conventionalZones(1)
                    .clusterSize(4096)
                    .build();
            ZonedExtension zoned = new ZonedExtension(ZonedLayout.BE44, options.geometry(), table);
            MemorySegment extensions = MemorySegment.ofArray(new byte[512]);
            zoned.encode().writeTo(extensions, FeatureBits.nameTable().writeTo(extensions, 0));
            file.write(extensions, 112);
            put(file, Images.INCOMPATIBLE, FeatureBits.ZONED | FeatureBits.DIRTY);
            WritePointerTable.create(zoned).writeDirtyPages(file);
            for (long pointer : new long[] {41 * Images.MIB, 20 * Images.MIB + (300 << 10)}) {
                long zone = pointer / (4 * Images.MIB);
                put(file, table + 8 * zone, pointer);
            }
        }
    }
}
