package io.ublkzoned.bindings.linux;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The rules of the System V ABI for x86-64 and of AAPCS64 on Linux that {@link NativeFunction} relies on. Both pass the
 * first six integers in registers. The seventh is on the stack on x86-64 and in a register on AArch64. The caller
 * places and removes the arguments. A variadic function gets integers as any other function does. Only x86-64 has an
 * additional rule for variadic functions: AL holds the number of vector registers. It matters only to functions that
 * use va_start.
 */
@Tag("native")
class NativeAbiTest {
    private static final long GARBAGE = 0xdeadbeefL << 32;

    @TempDir
    private Path folder;

    @Test
    void typesAreThoseOfLp64InLittleEndian() {
        Map<String, MemoryLayout> types = Linker.nativeLinker().canonicalLayouts();
        Map<String, Long> expected =
                Map.of("char", 1L, "short", 2L, "int", 4L, "long", 8L, "long long", 8L, "size_t", 8L, "void*", 8L);
        expected.forEach((type, bytes) ->
                assertEquals(bytes, requireNonNull(types.get(type)).byteSize(), type));
        assertEquals(ByteOrder.LITTLE_ENDIAN, ByteOrder.nativeOrder());
    }

    @Test
    void functionDoesNotSeeArgumentsBeyondItsOwn() {
        NativeFunction labs = NativeFunction.find("labs");
        for (int i = 0; i < 10_000; i++) {
            assertEquals(i, labs.invoke(-i, GARBAGE, GARBAGE, GARBAGE, GARBAGE, GARBAGE, GARBAGE));
        }
    }

    @Test
    void onlyTheLowerHalfOfAnIntCounts() {
        NativeFunction abs = NativeFunction.find("abs");
        assertEquals(5, (int) abs.invoke(-5, 0, 0));
        assertEquals(5, (int) abs.invoke(GARBAGE | Integer.toUnsignedLong(-5), 0, 0));
    }

    /** C declares syscall(2) as variadic, but it only moves its arguments. Its last argument is the seventh here. */
    @Test
    void variadicSyscallGetsAllSevenArguments() throws Exception {
        int pageBytes = Mapping.pageBytes();
        Path path = Files.write(folder.resolve("two-pages"), new byte[pageBytes]);
        Files.writeString(path, Files.readString(path, StandardCharsets.ISO_8859_1) + "second page");
        try (FileDescriptor file = FileDescriptor.open(path.toString(), FileFlags.O_RDONLY)) {
            long mapped = NativeFunction.find("syscall")
                    .invoke(
                            libc_h.SYS_mmap(),
                            0,
                            pageBytes,
                            libc_h.PROT_READ(),
                            libc_h.MAP_PRIVATE(),
                            file.value(),
                            pageBytes);
            assertNotEquals(-1, mapped);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment page = MemorySegment.ofAddress(mapped).reinterpret(pageBytes, arena, null);
                assertEquals("second page", page.getString(0));
                assertEquals('s', page.get(ValueLayout.JAVA_BYTE, 0));
            } finally {
                NativeFunction.find("munmap").invoke(mapped, pageBytes, 0);
            }
        }
    }
}
