package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files with options of {@code add}. */
final class OptionFileTest {

    private final Syntax syntax = new AddCommand().syntax();

    @TempDir
    private Path folder;

    private List<String> read(String text) throws IOException {
        Path file = Files.writeString(folder.resolve("disk.conf"), text);
        return OptionFile.read(file, syntax);
    }

    @Test
    void linesAreOptions() throws IOException {
        assertEquals(
                List.of("--image", "/srv/two words.qcow2", "--queues", "2", "--inject", "--on read --error EIO"),
                read("# the disk\n\nimage = /srv/two words.qcow2\n  queues=2\ninject = --on read --error EIO"));
        assertEquals(List.of("--power-cuts"), read("power-cuts = yes\nno-zero-copy = no\n"));
        assertEquals(List.of(), read(""));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "queue = 2 | there is no option 'queue': see ublk-zoned add --help",
                "--queues = 2 | there is no option '--queues': see ublk-zoned add --help",
                "q = 2 | there is no option 'q': see ublk-zoned add --help",
                "resume = yes | there is no option 'resume': see ublk-zoned add --help",
                "conf = other | there is no option 'conf': see ublk-zoned add --help",
                "image | write 'NAME = VALUE', not 'image'",
                "power-cuts = true | 'power-cuts' is yes or no, not 'true'"
            })
    void wrongLineIsNamed(String line, String sentence) {
        CommandFailure failure = assertThrows(CommandFailure.class, () -> read("# first\n" + line + "\n"));
        assertEquals(folder.resolve("disk.conf") + ", line 2: " + sentence, failure.getMessage());
    }

    @Test
    void fileThatCannotBeReadIsNamed() throws IOException {
        Path none = folder.resolve("none.conf");
        CommandFailure missing = assertThrows(CommandFailure.class, () -> OptionFile.read(none, syntax));
        assertEquals(
                none + " does not exist: it should have the image, as in 'image = /srv/disk.qcow2'",
                missing.getMessage());
        Path latin = Files.write(folder.resolve("latin.conf"), "image = é".getBytes(StandardCharsets.ISO_8859_1));
        CommandFailure malformed = assertThrows(CommandFailure.class, () -> OptionFile.read(latin, syntax));
        assertEquals(latin + " is not a text file", malformed.getMessage());
    }
}
