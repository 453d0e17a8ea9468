package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MappingTest {
    @TempDir
    private Path temp;

    private FileDescriptor file(String text) throws Exception {
        Path path = Files.writeString(temp.resolve("file"), text);
        return FileDescriptor.open(path.toString(), FileFlags.O_RDWR);
    }

    @Test
    void anonymousMemoryIsZeroAndAligned() throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = Mapping.anonymous(arena, 1L << 33);
            assertEquals(0, memory.address() % 4096);
            assertEquals(0, memory.get(ValueLayout.JAVA_LONG, (1L << 33) - 8));
            memory.set(ValueLayout.JAVA_LONG, 1L << 32, 42);
            assertEquals(42, memory.get(ValueLayout.JAVA_LONG, 1L << 32));
        }
    }

    @Test
    void writesToASharedMappingReachTheFile() throws Exception {
        try (FileDescriptor file = file("...");
                Arena arena = Arena.ofConfined()) {
            Mapping.shared(arena, file, 0, 3).set(ValueLayout.JAVA_BYTE, 1, (byte) 'x');
            assertEquals(".x.", Files.readString(temp.resolve("file")));
        }
    }

    @Test
    void mappingStartsAtItsOffset() throws Exception {
        try (FileDescriptor file = file("a".repeat(4096) + "b");
                Arena arena = Arena.ofConfined()) {
            assertEquals('b', Mapping.sharedReadOnly(arena, file, 4096, 1).get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    @Test
    void readOnlyMappingRefusesWrites() throws Exception {
        try (FileDescriptor file = file("...");
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = Mapping.sharedReadOnly(arena, file, 0, 3);
            assertThrows(IllegalArgumentException.class, () -> mapped.set(ValueLayout.JAVA_BYTE, 0, (byte) 'x'));
        }
    }

    @Test
    void unmappedWithItsArena() throws Exception {
        MemorySegment mapped;
        String address;
        try (Arena arena = Arena.ofConfined()) {
            mapped = Mapping.anonymous(arena, 123 * 4096);
            address = Long.toHexString(mapped.address());
            assertTrue(Files.readString(Path.of("/proc/self/maps")).contains(address));
        }
        assertThrows(IllegalStateException.class, () -> mapped.get(ValueLayout.JAVA_BYTE, 0));
        assertTrue(Files.readAllLines(Path.of("/proc/self/maps")).stream().noneMatch(line -> line.startsWith(address)));
    }

    @Test
    void refusedMappingNamesTheReason() throws Exception {
        try (FileDescriptor file = file("...");
                Arena arena = Arena.ofConfined()) {
            LinuxException refused = assertThrows(LinuxException.class, () -> Mapping.shared(arena, file, 1, 3));
            assertEquals(Errno.EINVAL, refused.errno());
            assertEquals("mmap(3 bytes): EINVAL (22), Invalid argument", refused.getMessage());
        }
    }
}
