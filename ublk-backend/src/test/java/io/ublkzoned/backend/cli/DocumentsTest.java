package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The manual page, and the completion in a real Bash. */
final class DocumentsTest {

    private static final Path TEMPLATES = Path.of("src/main/package");
    private static final Path COMMANDS = Path.of("src/main/java/io/ublkzoned/backend/cli");
    private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]*");
    private static final Pattern MEMBER =
            Pattern.compile("(?:put|putNull|putObject|startArrayField|startObjectField)\\(\"(\\w+)\"");
    private static final Path LIVE = Path.of("src/main/java/io/ublkzoned/backend/live");
    private static final Path GEOMETRY = Path.of("src/main/java/io/ublkzoned/backend/ublk/GeometryJson.java");
    private static final int EXAMPLES = 12;

    @TempDir
    private Path folder;

    private static String template(String name) throws IOException {
        return Files.readString(TEMPLATES.resolve(name));
    }

    /** Returns the manual as text without the marks of roff. */
    private static String manual() throws IOException {
        return Documents.manual(template("ublk-zoned.8")).replace("\\-", "-");
    }

    private static Stream<String> options(Syntax command) {
        return command.options().stream().flatMap(option -> option.eachName().stream());
    }

    @Test
    void manualHasEveryCommandAndOption() throws IOException {
        String manual = manual();
        for (Syntax command : Main.commands()) {
            int at = manual.indexOf(".SS " + command.name() + "\n");
            assertTrue(at > 0, command::name);
            int end = manual.indexOf("\n.S", at + 1);
            String section = manual.substring(at, end);
            options(command).forEach(option -> assertTrue(section.contains(option), () -> command.name() + option));
        }
    }

    @Test
    void manualNamesNoOptionThatDoesNotExist() throws IOException {
        Set<String> known = Main.commands().stream()
                .flatMap(DocumentsTest::options)
                .collect(Collectors.toCollection(() -> new TreeSet<>(List.of("--help", "--debug", "--version"))));
        Set<String> named = OPTION.matcher(manual())
                .results()
                .map(MatchResult::group)
                .collect(Collectors.toCollection(TreeSet::new));
        named.removeAll(known);
        assertEquals(Set.of(), named);
    }

    @Test
    void manualHasEveryJsonMember() throws IOException {
        String manual = manual();
        String json = manual.substring(manual.indexOf(".SH JSON"), manual.indexOf(".SH EXIT STATUS"));
        Set<String> missing = new TreeSet<>();
        List<Path> sources = new ArrayList<>(List.of(GEOMETRY));
        for (Path sourceFolder : List.of(COMMANDS, LIVE)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(sourceFolder, "*.java")) {
                files.forEach(sources::add);
            }
        }
        for (Path source : sources) {
            MEMBER.matcher(Files.readString(source))
                    .results()
                    .map(match -> match.group(1))
                    .filter(member -> !json.matches("(?s).*\\b" + member + "\\b.*"))
                    .forEach(missing::add);
        }
        assertEquals(Set.of(), missing);
    }

    @Test
    void manualHasItsExamplesAndIsWellFormed() throws Exception {
        String manual = Documents.manual(template("ublk-zoned.8"));
        String examples = manual.substring(manual.indexOf(".SH EXAMPLES"), manual.indexOf(".SH SEE ALSO"));
        assertEquals(EXAMPLES, examples.split("\n\\.nf\n", -1).length - 1);
        assertTrue(manual.lines().noneMatch(line -> line.startsWith("'")));
        assertEquals(1, manual.lines().filter(line -> line.startsWith(".TH ")).count());
        assertTrue(manual.lines().noneMatch(String::isEmpty), "roff prints an empty line for one");
    }

    @Test
    void launcherKnowsTheOptionsOfAddThatHaveAValue() throws IOException {
        String launcher = Files.readString(Path.of("../scripts/lib/common/launch.sh"));
        Set<String> wanted = new AddCommand()
                .syntax().options().stream()
                        .filter(Syntax.ShownOption::hasValue)
                        .flatMap(option -> option.eachName().stream())
                        .collect(Collectors.toCollection(TreeSet::new));
        String values = launcher.substring(launcher.indexOf("ADD_VALUES='") + "ADD_VALUES='".length());
        String known = values.substring(0, values.indexOf('\'')).strip();
        assertEquals(wanted, new TreeSet<>(List.of(known.split(" ", -1))));
    }

    /** Completes the last word of a command line in Bash. */
    private List<String> complete(String... words) throws IOException, InterruptedException {
        Path file = folder.resolve("completion");
        Files.writeString(file, Documents.completion(template("ublk-zoned.bash")));
        Files.createDirectories(folder.resolve("run/0"));
        Files.createDirectories(folder.resolve("run/12"));
        for (String name : List.of("disk.qcow2", "other.qcow2", "disk.log")) {
            if (Files.notExists(folder.resolve(name))) {
                Files.createFile(folder.resolve(name));
            }
        }
        String script = """
                _ublk_zoned_run=$PWD/run
                load() { . ./completion; } # in a function, as bash-completion does
                load
                [[ $(complete -p ublk-zoned) == 'complete -F _ublk_zoned ublk-zoned' ]] || exit
                COMP_WORDS=(ublk-zoned "$@")
                COMP_CWORD=$#
                _ublk_zoned
                printf '%s\\n' "${COMPREPLY[@]}"
                """;
        List<String> line = new ArrayList<>(List.of("bash", "-c", script, "bash"));
        line.addAll(List.of(words));
        Process bash = new ProcessBuilder(line)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String out = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, bash.waitFor(), out);
        return out.lines().filter(word -> !word.isEmpty()).sorted().toList();
    }

    @ParameterizedTest
    @CsvSource({
        "'', 'create'",
        "con, convert-layout",
        "--v, --version",
        "add --rec, '--record --recovery'",
        "add --recovery '', 'fail off reissue'",
        "add di, disk.qcow2",
        "del '', '0 12'",
        "cut /dev/ublkb1, /dev/ublkb12",
        "cut --keep r, random",
        "inject 0 --on res, 'reset reset-all'",
        "inject 0 --make-zone '', 'offline read-only'",
        "zone re, 'readonly recover reset'",
        "zone reset o, other.qcow2",
        "zone reset 1, 12",
        "report --o, --offset",
        "log disk.l, disk.log",
        "check -r l, leaks",
        "watch '', '0 12'",
        "metrics --l, --listen"
    })
    void bashCompletes(String line, String expected) throws Exception {
        String[] words =
                line.isEmpty() ? new String[] {""} : line.replace("''", "").split(" ", -1);
        List<String> completed = complete(words);
        List<String> wanted = List.of(expected.split(" ", -1));
        if (line.isEmpty()) {
            assertTrue(completed.containsAll(wanted), completed::toString);
            assertEquals(
                    Main.commands().size(),
                    completed.stream().filter(word -> !word.startsWith("-")).count());
        } else {
            assertEquals(wanted, completed);
        }
    }

    @Test
    void bashCompletesEveryOption() throws Exception {
        for (Syntax command : Main.commands()) {
            List<String> completed = complete(command.name(), "-");
            options(command).forEach(option -> assertTrue(completed.contains(option), () -> command.name() + option));
        }
    }
}
