package io.ublkzoned.backend.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class BrokenKernelsTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "6.18.4",
                "6.18.5",
                "6.18.4-arch1-1",
                "6.18.4-zabbly+",
                "6.18.5+deb14-amd64",
                "6.18.5-200.fc43.x86_64",
                "6.17.0-1015-azure",
                "6.17.0-1016-azure",
                "6.17.0-1017-azure",
                "6.17.0-1018-azure",
                "6.17.0-1015-azure-fde",
                "6.17.0-1017-aws"
            })
    void releasesThatCrashAreRecognized(String release) {
        assertEquals(true, BrokenKernels.contains(release));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "6.18.3",
                "6.18.6",
                "6.18.6-arch1-1",
                "6.18.40",
                "6.18.51-generic",
                "6.18.0-4-generic",
                "6.18-rc4",
                "16.18.4",
                "6.17.4",
                "6.17.0-1014-azure",
                "6.17.0-1019-azure",
                "6.17.0-10150-azure",
                "6.17.0-1015-generic",
                "6.17.0-1016-aws",
                "6.12.107+deb13-amd64",
                "7.3.4+deb13-amd64",
                ""
            })
    void otherReleasesAreNotRefused(String release) {
        assertEquals(false, BrokenKernels.contains(release));
    }
}
