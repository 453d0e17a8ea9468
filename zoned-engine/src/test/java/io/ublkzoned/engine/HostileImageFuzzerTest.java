package io.ublkzoned.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The fuzzer without Jazzer: its earlier findings, and some random inputs. */
class HostileImageFuzzerTest {

    private static final int INPUTS = 200;

    static List<Path> findings() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/test/fuzz"))) {
            return files.sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("findings")
    void earlierFindingsAreHarmless(Path finding) throws IOException {
        HostileImageFuzzer.fuzzerTestOneInput(Files.readAllBytes(finding));
    }

    @Test
    void randomInputsAreHarmless() {
        for (int seed = 0; seed < INPUTS; seed++) {
            Random random = new Random(seed);
            byte[] input = new byte[1 + 12 * (1 + random.nextInt(3))];
            random.nextBytes(input);
            Assertions.assertDoesNotThrow(
                    () -> HostileImageFuzzer.fuzzerTestOneInput(input),
                    () -> "input " + HexFormat.of().formatHex(input));
        }
    }
}
