package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.bindings.linux.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("native")
class ConvertLayoutCommandTest {

    private static final String SEE_HELP = "; see ublk-zoned convert-layout --help";

    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void makeImageOfLayoutV6() {
        image = folder.resolve("disk.qcow2");
        CommandLineRun.of("create", image, "256M", "--zone-size", "64M", "--layout", "v6")
                .succeeded();
        CommandLineRun.of("zone", "finish", image, "1").succeeded();
        CommandLineRun.of("zone", "offline", image, "2").succeeded();
    }

    private String report() {
        return CommandLineRun.of("report", image).succeeded().out();
    }

    private void assertLayout(String layout) {
        String info = CommandLineRun.of("info", image).succeeded().out();
        assertTrue(info.contains(", layout " + layout + "\ndevice:    not attached\n"), info);
        CommandLineRun.of("check", image).succeeded();
    }

    @Test
    void zonesAreTheSameInEveryLayout() {
        String zones = report();
        for (String layout : new String[] {"be44", "v4", "v8", "be48", "v6"}) {
            assertEquals(
                    image + ": now in layout " + layout + "\n",
                    CommandLineRun.of("convert-layout", image, layout)
                            .succeeded()
                            .out());
            assertEquals(zones, report());
            assertLayout(layout);
        }
    }

    @Test
    void imageThatHasTheLayoutIsNotWritten() throws IOException {
        byte[] before = Files.readAllBytes(image);
        assertEquals(
                image + ": already in layout v6\n",
                CommandLineRun.of("convert-layout", "--image", image, "v6")
                        .succeeded()
                        .out());
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void wrongUsageNamesTheLayouts() {
        CommandLineRun.of("convert-layout")
                .failed(2, "the image is missing: name it as an argument or with --image" + SEE_HELP);
        CommandLineRun.of("convert-layout", image)
                .failed(
                        2,
                        "the layout is missing: name it, as in 'ublk-zoned convert-layout " + image + " be44'"
                                + SEE_HELP);
        CommandLineRun.of("convert-layout", image, "v7")
                .failed(
                        2,
                        "Invalid value for 'LAYOUT': unknown layout 'v7': use one of v4, v6, v8, be48, be44"
                                + SEE_HELP);
        CommandLineRun.of("convert-layout", image, "v8", "v4").failed(2, "unexpected argument 'v4'" + SEE_HELP);
        assertLayout("v6");
    }

    @Test
    void imageInUseIsRefused() throws IOException {
        byte[] before = Files.readAllBytes(image);
        try (FileDescriptor held = LockedImage.open(image)) {
            assertTrue(held.value() > 0);
            CommandLineRun.of("convert-layout", image, "be44")
                    .failed(1, image + " is in use by another process, which has it locked as QEMU does");
        }
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void imageThatCannotBeConvertedIsNamed() throws IOException {
        Files.delete(image);
        CommandLineRun.of("convert-layout", image, "be44")
                .failed(1, image + ": no such image; make one with 'ublk-zoned create " + image + " --size 4G'");
        CommandLineRun.of("create", image, "16G", "--zone-size", "4G").succeeded();
        CommandLineRun.of("convert-layout", image, "v6")
                .failed(
                        1,
                        image
                                + ": the zone size 4294967296 does not fit layout v6, which has 32 bits for it:"
                                + " use layout v8 or a later one, or zones of 2G or less");
        Files.writeString(image, "a letter");
        CommandLineRun.of("convert-layout", image, "v6")
                .failed(1, image + ": this is not a qcow2 image: create one with ublk-zoned create");
    }

    @Test
    void imageWithASmallerLastZoneIsConverted() throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        ByteBuffer.wrap(bytes).putLong(24, 200L << 20);
        Files.write(image, bytes);
        String zones = report();
        CommandLineRun.of("convert-layout", image, "be44").succeeded();
        assertEquals(zones, report());
        assertTrue(zones.endsWith("   3   192M      8M        8M             +0  sequential  empty\n"), zones);
    }
}
