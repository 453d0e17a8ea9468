package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.fault.FaultRuleParser;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The commands {@code inject} and {@code cut} without a device. The guest's tests cover devices. */
final class InjectCommandTest {

    @TempDir
    private Path folder;

    static Stream<String> ruleOptions() {
        return Stream.concat(FaultRuleParser.OPTIONS.stream(), FaultRuleParser.FLAGS.stream());
    }

    @ParameterizedTest
    @MethodSource("ruleOptions")
    void helpShowsEveryOptionOfARule(String option) {
        String help = CommandLineRun.of("inject", "--help").succeeded().out();
        assertTrue(help.lines().anyMatch(line -> line.strip().startsWith(option + " ")), help);
    }

    @Test
    void imageThatIsNotAttachedIsRefused() {
        Path image = folder.resolve("disk.qcow2");
        CommandLineRun.of("create", image, "8M", "--zone-size", "1M").succeeded();
        CommandLineRun.of("inject", image, "--on", "write", "--error", "EIO")
                .failed(1, image + " is not attached, so nothing can fail: add it first");
        CommandLineRun.of("cut", image, "--then", "continue")
                .failed(1, image + " is not attached, so it has no power to cut: add it first");
    }

    @Test
    void seedOfACutIsAnyNumberThatIsNotNegative() {
        CommandLineRun.of("cut", folder.resolve("none"), "--seed", "123456789012345678")
                .failed(1, folder.resolve("none") + " is not attached, so it has no power to cut: add it first");
        CommandLineRun.of("cut", "0", "--seed=-1")
                .failed(2, "Invalid value for option '--seed': '-1' is not a number; see ublk-zoned cut --help");
    }

    @Test
    void fateThatIsNeitherStopNorContinueIsRefused() {
        CommandLineRun.of("cut", "0", "--then", "reboot")
                .failed(
                        2,
                        "Invalid value for option '--then': 'reboot' is not stop or continue; see ublk-zoned cut --help");
    }

    @Test
    void actionsExcludeEachOther() {
        CommandLineRun.of("inject", "0", "--list", "--release")
                .failed(2, "a rule, --list, --clear and --release exclude each other; see ublk-zoned inject --help");
        CommandLineRun.of("inject", "0", "--json", "--on", "write")
                .failed(2, "--json needs --list; see ublk-zoned inject --help");
    }
}
