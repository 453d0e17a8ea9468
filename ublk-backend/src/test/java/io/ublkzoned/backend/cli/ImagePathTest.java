package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Commands on paths that do not lead to an image file. Each prints one sentence, and creates or removes nothing. */
class ImagePathTest {

    private static final String NO_FILE = "a directory, and an image is a regular file: name a file in it";

    @TempDir
    Path folder;

    private static CommandLineRun run(String words, Path path) {
        return CommandLineRun.of((Object[]) words.formatted(path).split(" "));
    }

    /** Requires that all commands on an image refuse the path, except for {@code add}, which needs the driver first. */
    private static void assertRefusedByAll(Path path, String sentence) {
        assertReadersRefuse(path, sentence);
        assertWritersRefuse(path, sentence);
        assertCreateRefuses(path, sentence);
    }

    private static void assertReadersRefuse(Path path, String sentence) {
        for (String words : List.of("info %s", "report %s", "check %s", "zone finish %s 1")) {
            run(words, path).failed(1, sentence);
        }
    }

    private static void assertWritersRefuse(Path path, String sentence) {
        for (String words : List.of("check -r all %s", "convert-layout %s be44")) {
            run(words, path).failed(1, sentence);
        }
    }

    private static void assertCreateRefuses(Path path, String sentence) {
        for (String words : List.of("create %s 1G", "create --force %s 1G")) {
            run(words, path).failed(1, sentence);
        }
    }

    @Test
    void directoryIsRefused() {
        assertRefusedByAll(folder, folder + " is " + NO_FILE);
        assertRefusedByAll(Path.of("/"), "/ is " + NO_FILE);
        assertRefusedByAll(Path.of(".."), ".. is " + NO_FILE);
    }

    @Test
    @Timeout(60)
    void fifoIsRefused() throws IOException, InterruptedException {
        Path fifo = folder.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        assertRefusedByAll(fifo, fifo + " is a FIFO, and an image is a regular file: copy the data to one");
    }

    @Test
    void socketIsRefused() throws IOException {
        Path socket = folder.resolve("socket");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            assertRefusedByAll(socket, socket + " is a socket, and an image is a regular file");
        }
    }

    @Test
    void characterDeviceIsRefused() {
        assertRefusedByAll(Path.of("/dev/null"), "/dev/null is a character device, and an image is a regular file");
    }

    @Test
    void danglingLinkIsRefused() throws IOException {
        Path target = folder.resolve("target");
        Path link = Files.createSymbolicLink(folder.resolve("link"), target);
        assertRefusedByAll(link, link + " is a symbolic link to " + target + ", which does not exist");
        assertFolderHas("link");
    }

    @Test
    void linkToADirectoryIsRefused() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
        assertRefusedByAll(link, link + " is " + NO_FILE);
    }

    @Test
    void loopOfLinksIsRefused() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("a"), Path.of("b"));
        Files.createSymbolicLink(folder.resolve("b"), Path.of("a"));
        String sentence = ": its path has a loop of symbolic links, or too many of them";
        assertReadersRefuse(link, link + sentence);
        assertWritersRefuse(link, link + sentence);
        String created = ": Too many levels of symbolic links or unable to access attributes of symbolic link";
        assertCreateRefuses(link, link + created);
        Path behind = link.resolve("disk.qcow2");
        assertRefusedByAll(behind, behind + sentence);
        assertFolderHas("a", "b");
    }

    @Test
    void fileInsteadOfADirectoryIsRefused() throws IOException {
        Path path = Files.createFile(folder.resolve("file")).resolve("disk.qcow2");
        assertRefusedByAll(path, path + ": a part of its path is not a directory");
    }

    @Test
    void tooLongNameIsRefused() throws IOException {
        Path path = folder.resolve("x".repeat(256));
        assertRefusedByAll(path, path + ": its name or path is too long");
        Path deep = folder.resolve("x/".repeat(2100));
        assertRefusedByAll(deep, deep + ": its name or path is too long");
        assertFolderHas();
    }

    @Test
    void missingFileIsRefused() {
        Path path = folder.resolve("disk.qcow2");
        assertReadersRefuse(path, path + ": no such file");
        assertWritersRefuse(path, path + ": no such image; make one with 'ublk-zoned create " + path + " --size 4G'");
    }

    @Test
    void emptyNameIsRefused() {
        for (String command : List.of("info", "report", "check")) {
            CommandLineRun.of(command, "")
                    .failed(2, "'' is not a valid file name; see ublk-zoned " + command + " --help");
        }
        CommandLineRun.of("create", "", "1G").failed(2, "'' is not a valid file name; see ublk-zoned create --help");
    }

    /** The launcher sets the property, and starts Java in another directory. */
    @Test
    void relativeNameInADeletedFolderIsRefused() throws IOException {
        Path image = folder.resolve("disk.qcow2");
        System.setProperty("io.ublkzoned.folderIsDeleted", "true");
        try {
            Path relative = Path.of("disk.qcow2");
            assertRefusedByAll(
                    relative,
                    relative
                            + ": the working directory has been deleted: cd to another one, or give the absolute path");
            run("create %s 1G", image).succeeded();
            run("report %s", image).succeeded();
        } finally {
            System.clearProperty("io.ublkzoned.folderIsDeleted");
        }
        assertFolderHas("disk.qcow2");
    }

    private void assertFolderHas(String... names) throws IOException {
        List<String> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            files.forEach(file -> found.add(file.getFileName().toString()));
        }
        found.sort(null);
        assertEquals(List.of(names), found);
    }
}
