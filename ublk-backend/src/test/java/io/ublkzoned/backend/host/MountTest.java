package io.ublkzoned.backend.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MountTest {

    @TempDir
    private Path folder;

    @Test
    void allFieldsAreReadWithAndWithoutOptionalOnes() throws IOException {
        Path file = Files.writeString(folder.resolve("mountinfo"), """
                22 1 254:0 / / rw,noatime - ext4 /dev/vda rw,noinit_itable
                36 22 98:0 /a /mnt\\0402/\u00e9 rw shared:7 master:1 - xfs /dev/sda rw,rtdev=/dev/ublkb0
                37 36 0:45 / /mnt\\0402/\u00e9/below rw master:9 - tmpfs none rw
                """);
        assertEquals(
                List.of(
                        new Mount(22, 1, "/", false, "ext4", "/dev/vda", "rw,noinit_itable"),
                        new Mount(36, 22, "/mnt 2/\u00e9", true, "xfs", "/dev/sda", "rw,rtdev=/dev/ublkb0"),
                        new Mount(37, 36, "/mnt 2/\u00e9/below", false, "tmpfs", "none", "rw")),
                Mount.read(file));
    }
}
