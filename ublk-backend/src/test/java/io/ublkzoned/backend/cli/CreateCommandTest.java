package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CreateCommandTest {

    private static final String SEE_HELP = "; see ublk-zoned create --help";

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void nameImage() {
        image = folder.resolve("disk.qcow2");
    }

    @Test
    void outputDescribesTheNewImage() {
        CommandLineRun run = CommandLineRun.of(
                "create",
                image,
                "--size",
                "4G",
                "--zone-size",
                "64M",
                "--zone-capacity",
                "48M",
                "--conventional-zones",
                8,
                "--max-open-zones",
                6,
                "--max-active-zones",
                10);
        assertEquals(
                image + ": 4G, 64 zones of 64M, capacity 48M, 8 conventional, 6 open at most, 10 active at most\n",
                run.succeeded().out());
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void imageAndSizeAreArgumentsOrOptions() throws IOException {
        CommandLineRun.of("create", image, "1G").succeeded();
        byte[] expected = Files.readAllBytes(image);
        for (List<Object> words : List.of(
                List.<Object>of("create", "--image", image, "--size", "1G"),
                List.<Object>of("create", "--image=" + image, "1G"),
                List.<Object>of("create", "--size=1024M", image),
                List.<Object>of("create", "-o", "size=1G", image))) {
            Files.delete(image);
            CommandLineRun.of(words.toArray()).succeeded();
            assertArrayEquals(expected, Files.readAllBytes(image));
        }
    }

    @Test
    void namesOfQemuImgMeanTheSame() throws IOException {
        CommandLineRun.of(
                        "create",
                        image,
                        "768M",
                        "-o",
                        "zone.mode=host-managed,zone.size=64M,zone.capacity=32M,zone.conventional_zones=2",
                        "-o",
                        "zone.max_open_zones=6,zone.max_active_zones=8,cluster_size=16K")
                .succeeded();
        Map<String, Object> info = JSON.std.mapFrom(
                CommandLineRun.of("info", "--json", image).succeeded().out());
        assertEquals(768 << 20, info.get("size"));
        assertEquals(64 << 20, info.get("zoneSize"));
        assertEquals(32 << 20, info.get("zoneCapacity"));
        assertEquals(2, info.get("conventionalZones"));
        assertEquals(6, info.get("maxOpenZones"));
        assertEquals(8, info.get("maxActiveZones"));
        assertEquals(16 << 10, info.get("clusterSize"));
    }

    @Test
    void olderNamesOfTheLimitsMeanTheSameAndAreNotShown() {
        CommandLineRun run = CommandLineRun.of("create", image, "1G", "--max-open", 2, "--max-active=3");
        assertEquals(
                image + ": 1G, 4 zones of 256M, 2 open at most, 3 active at most\n",
                run.succeeded().out());
        String help = CommandLineRun.of("create", "--help").succeeded().out();
        assertTrue(help.contains("--max-open-zones N") && help.contains("--max-active-zones N"), help);
        assertFalse(help.contains("--max-open ") || help.contains("--max-active "), help);
    }

    @Test
    void appendLimitOfPublishedCommandLinesIsIgnoredWithANote() {
        CommandLineRun run = CommandLineRun.of(
                "create", image, "768M", "-o", "zone.mode=host-managed,zone.size=64M,zone.max_append_bytes=4194304");
        assertEquals(
                "ublk-zoned: zone.max_append_bytes is ignored: the kernel sets the limit of an append\n", run.err());
        assertEquals(image + ": 768M, 12 zones of 64M\n", run.out());
        assertEquals(0, run.status());
    }

    @Test
    void wrongUsageMakesNoFile() throws IOException {
        CommandLineRun.of("create")
                .failed(2, "the image is missing: name it as an argument or with --image" + SEE_HELP);
        CommandLineRun.of("create", image).failed(2, "the size is missing: add --size, as in --size 4G" + SEE_HELP);
        CommandLineRun.of("create", image, "4")
                .failed(2, "Invalid value for 'SIZE': '4' is a number of bytes: give it a unit, as in 4M" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "5G").failed(2, "unexpected argument '5G'" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "--size", "4G").failed(2, "SIZE is given twice" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "--zone-size", "64M", "-o", "zone.size=64M")
                .failed(2, "zone.size is given twice" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "-o", "zone.mode=host-aware")
                .failed(2, "zone.mode must be host-managed, not 'host-aware'" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "-o", "zone.max_append_bytes=much")
                .failed(
                        2,
                        "Invalid value for 'zone.max_append_bytes': 'much' is not a size: use bytes, or a number with K, M, G or T, as in 64M"
                                + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "-o", "zone.max_append_bytes=4K,zone.max_append_bytes=4K")
                .failed(2, "zone.max_append_bytes is given twice" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "--max-open-zones", 3, "--max-open", 3)
                .failed(2, "option '--max-open-zones' is given twice" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "--max-active", 3, "-o", "zone.max_active_zones=3")
                .failed(2, "zone.max_active_zones is given twice" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "-o", "encryption=on")
                .failed(2, "-o has no option 'encryption'" + SEE_HELP);
        CommandLineRun.of("create", image, "4G", "-o", "zone.max_open_zones=many")
                .failed(2, "Invalid value for 'zone.max_open_zones': 'many' is not a number" + SEE_HELP);
        assertFolderHas();
    }

    @Test
    void impossibleGeometryMakesNoFile() throws IOException {
        CommandLineRun.of("create", image, "1G", "--zone-size", "48M")
                .failed(1, "the zone size 48M is not a power of two: use 32M or 64M");
        CommandLineRun.of("create", image, "1000M", "--zone-size", "64M")
                .failed(1, "the device size 1000M is not a whole number of zones of 64M: use 960M or 1G");
        CommandLineRun.of("create", image, "8T", "--zone-size", "2T", "--cluster-size", "2M")
                .failed(1, "the zone size 2T is more sectors than Linux counts in 32 bits: use 1T or less");
        CommandLineRun.of("create", image, "1G", "--zone-size", "64M", "--zone-capacity", "65M")
                .failed(1, "the zone capacity 65M is larger than the zone size 64M: use 64M or less");
        for (List<Object> words : List.of(
                List.<Object>of("--conventional-zones", 4),
                List.<Object>of("--conventional-zones", -1),
                List.<Object>of("--max-open", 5),
                List.<Object>of("--max-active", 5),
                List.<Object>of("--max-open", 3, "--max-active", 2),
                List.<Object>of("--zone-size", "1M", "--cluster-size", "2M"),
                List.<Object>of("--cluster-size", "3K"),
                List.<Object>of("--cluster-size", "4G"))) {
            CommandLineRun run = CommandLineRun.of(Stream.concat(Stream.of("create", image, "1G"), words.stream())
                    .toArray());
            assertEquals(1, run.status(), words + run.err());
            assertEquals(1, run.err().lines().count(), run.err());
        }
        assertFolderHas();
    }

    @ParameterizedTest
    @ValueSource(strings = {"v4", "v6", "v8", "be48", "be44"})
    void layoutIsChosenByNameAndShown(String layout) throws IOException {
        String made = CommandLineRun.of("create", image, "1G", "--layout", layout)
                .succeeded()
                .out();
        assertEquals(
                image + ": 1G, 4 zones of 256M" + (layout.equals("be44") ? "" : ", layout " + layout) + "\n", made);
        CommandLineRun.of("check", image).succeeded();
        CommandLineRun.of("report", image).succeeded();
        String info = CommandLineRun.of("info", image).succeeded().out();
        assertTrue(info.contains(", clusters of 64K, layout " + layout + "\n"), info);
        assertEquals(
                layout,
                JSON.std
                        .mapFrom(CommandLineRun.of("info", "--json", image)
                                .succeeded()
                                .out())
                        .get("layout"));
        String help = CommandLineRun.of("create", "--help").succeeded().out();
        assertTrue(help.contains(layout + " ("), help);
    }

    @Test
    void be44IsTheDefaultAndUnknownNamesAreAnsweredWithTheList() throws IOException {
        CommandLineRun.of("create", image, "1G", "--layout", "v7")
                .failed(
                        2,
                        "Invalid value for option '--layout': unknown layout 'v7': use one of v4, v6, v8, be48, be44"
                                + SEE_HELP);
        CommandLineRun.of("create", image, "16G", "--zone-size", "4G", "--layout", "v6")
                .failed(
                        1,
                        "the zone size 4294967296 does not fit layout v6, which has 32 bits for it: use layout v8 or a later one, or zones of 2G or less");
        assertFolderHas();
        CommandLineRun.of("create", image, "16G", "--zone-size", "4G").succeeded();
    }

    @Test
    void existingFileIsKeptWithoutForce() throws IOException {
        Files.writeString(image, "a letter");
        CommandLineRun.of("create", image, "1G").failed(1, image + ": exists: --force overwrites it");
        assertEquals("a letter", Files.readString(image));
    }

    @Test
    void forceOverwritesOnceTheNewImageIsComplete() throws IOException {
        Files.writeString(image, "a letter");
        assertEquals(1, CommandLineRun.of("create", image, "1000M", "--force").status());
        assertEquals("a letter", Files.readString(image));
        CommandLineRun.of("create", image, "1G", "--force").succeeded();
        CommandLineRun.of("check", image).succeeded();
        assertFolderHas("disk.qcow2");
    }

    @Test
    void forceThroughALinkOverwritesItsTarget() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), image);
        Files.writeString(image, "a letter");
        CommandLineRun.of("create", link, "1G", "--force").succeeded();
        assertEquals(image, Files.readSymbolicLink(link));
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void forceDoesNotOverwriteAnImageInUse() throws IOException {
        CommandLineRun.of("create", image, "1G").succeeded();
        byte[] before = Files.readAllBytes(image);
        try (FileDescriptor held = LockedImage.open(image)) {
            assertTrue(held.value() > 0);
            CommandLineRun.of("create", image, "2G", "--force")
                    .failed(1, image + " is in use by another process, which has it locked as QEMU does");
            CommandLineRun.of("check", image)
                    .failed(1, image + " is in use by another process, which has it locked as QEMU does");
        }
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void directoryThatDoesNotExistIsNamed() throws IOException {
        Path missing = folder.resolve("missing/disk.qcow2");
        for (Object[] words : new Object[][] {{"create", missing, "1G"}, {"create", "--force", missing, "1G"}}) {
            CommandLineRun.of(words).failed(1, missing + ": the directory " + missing.getParent() + " does not exist");
        }
        assertFolderHas();
    }

    private void assertFolderHas(String... names) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(
                    List.of(names),
                    files.map(file -> file.getFileName().toString()).toList());
        }
        assertFalse(Files.exists(folder.resolve("missing")));
    }

    @Test
    void severalImagesAreCreatedAtOnceOrNone() throws IOException {
        Path first = folder.resolve("a.qcow2");
        Path second = folder.resolve("b.qcow2");
        String out = CommandLineRun.of(
                        "create", first.toString(), second.toString(), "--size", "64M", "--zone-size", "16M")
                .succeeded()
                .out();
        assertEquals(first + ": 64M, 4 zones of 16M\n" + second + ": 64M, 4 zones of 16M\n", out);
        Path third = folder.resolve("c.qcow2");
        CommandLineRun.of("create", third.toString(), second.toString(), "256M")
                .failed(1, second + ": exists: --force overwrites it");
        assertFalse(Files.exists(third));
        CommandLineRun.of("create", third.toString(), third.toString(), "256M").failed(1, third + " is given twice");
        CommandLineRun.of("create", third.toString(), "-o", "size=256M", "4G")
                .failed(2, "size is given twice" + SEE_HELP);
        CommandLineRun.of("create", third.toString(), "4")
                .failed(2, "Invalid value for 'SIZE': '4' is a number of bytes: give it a unit, as in 4M" + SEE_HELP);
        assertFalse(Files.exists(third));
    }
}
