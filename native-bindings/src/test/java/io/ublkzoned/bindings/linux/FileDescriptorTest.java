package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FileDescriptorTest {
    @Test
    void failedOpenNamesTheFileAndTheReason() {
        LinuxException failed =
                assertThrows(LinuxException.class, () -> FileDescriptor.open("/dev/none-such", FileFlags.O_RDWR));
        assertEquals("open(/dev/none-such): ENOENT (2), No such file or directory", failed.getMessage());
        assertEquals("open(/dev/none-such)", failed.call());
        assertEquals(Errno.ENOENT, failed.errno());
    }

    @Test
    void errnoWithoutANameIsANumber() {
        assertEquals("errno 200", Errno.name(200));
        assertEquals("ETOOMANYREFS (109)", Errno.name(Errno.ETOOMANYREFS));
        assertEquals("errno 200, Unknown error 200", Errno.describe(200));
    }

    @Test
    void useAfterCloseThrows() throws LinuxException {
        FileDescriptor zero = FileDescriptor.open("/dev/zero", FileFlags.O_RDONLY);
        zero.close();
        IllegalStateException closed = assertThrows(IllegalStateException.class, zero::value);
        assertEquals("/dev/zero is closed", closed.getMessage());
    }

    @Test
    void secondCloseDoesNotCloseTheNextFile() throws LinuxException {
        FileDescriptor first = FileDescriptor.open("/dev/zero", FileFlags.O_RDONLY);
        int number = first.value();
        first.close();
        try (FileDescriptor second = FileDescriptor.open("/dev/zero", FileFlags.O_RDONLY)) {
            first.close();
            assertTrue(Files.exists(Path.of("/proc/self/fd/" + second.value())), () -> "fd " + number);
        }
    }

    @Test
    void filesAreClosedOnExec() throws Exception {
        try (FileDescriptor zero = FileDescriptor.open("/dev/zero", FileFlags.O_RDONLY)) {
            String info = Files.readString(Path.of("/proc/self/fdinfo/" + zero.value()));
            String flags = info.lines()
                    .filter(line -> line.startsWith("flags:"))
                    .findFirst()
                    .orElseThrow();
            int closeOnExec = 02000000;
            assertTrue((Integer.parseInt(flags.substring(6).strip(), 8) & closeOnExec) != 0, info);
        }
    }
}
