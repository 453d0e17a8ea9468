package io.ublkzoned.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.generated.blkzoned.blk_zone_range;
import io.ublkzoned.bindings.generated.blkzoned.blkzoned_h;
import io.ublkzoned.bindings.generated.libc.cachestat;
import io.ublkzoned.bindings.generated.libc.cachestat_range;
import io.ublkzoned.bindings.generated.libc.flock;
import io.ublkzoned.bindings.generated.libc.libc_h;
import io.ublkzoned.bindings.generated.liburing.__kernel_timespec;
import io.ublkzoned.bindings.generated.liburing.iovec;
import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublk_param_basic;
import io.ublkzoned.bindings.generated.ublk.ublksrv_ctrl_dev_info;
import io.ublkzoned.bindings.generated.ublk.ublksrv_io_cmd;
import io.ublkzoned.bindings.generated.ublk.ublksrv_io_desc;
import io.ublkzoned.bindings.generated.uring.io_uring_cqe;
import io.ublkzoned.bindings.generated.uring.uring_h;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxProcess;
import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.bindings.ublk.UblkOperations;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.UnionLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sizes, offsets and constants in Java, compared with those of a C compiler that reads the headers. The kernel's
 * headers are in UBLK_ZONED_UAPI_INCLUDE (a property or an environment variable), or where {@code
 * scripts/generate-bindings} puts them.
 */
@Tag("native")
class AbiTest {
    private static final Path HEADERS = Path.of("src/main/jextract");

    @TempDir
    private Path temp;

    /** The value in Java of each C expression. */
    private final Map<String, Long> expected = new LinkedHashMap<>();

    @Test
    void ioUringMatchesTheKernelsHeader() throws Exception {
        constants(uring_h.class);
        struct("io_uring_cqe", io_uring_cqe.layout());
        compareWithC("uring", "");
    }

    @Test
    void liburingMatchesTheInstalledHeader() throws Exception {
        assumeTrue(Files.exists(Path.of("/usr/include/liburing.h")), "SKIPPED: liburing-dev is not installed");
        constants(liburing_h.class);
        struct("iovec", iovec.layout());
        struct("__kernel_timespec", __kernel_timespec.layout());
        compareWithC("liburing", "");
    }

    @Test
    void ublkMatchesTheKernelsHeader() throws Exception {
        constants(ublk_h.class);
        fields(
                UblkOperations.class,
                name -> name.startsWith("FLAG_") ? name.replaceFirst("FLAG_", "UBLK_IO_F_") : "UBLK_IO_OP_" + name);
        struct("ublk_param_basic", ublk_param_basic.layout());
        struct("ublksrv_ctrl_dev_info", ublksrv_ctrl_dev_info.layout());
        struct("ublksrv_io_desc", ublksrv_io_desc.layout());
        struct("ublksrv_io_cmd", ublksrv_io_cmd.layout());
        compareWithC("ublk", "");
    }

    @Test
    void zonesMatchTheKernelsHeader() throws Exception {
        constants(blkzoned_h.class);
        fields(BlkZone.class, name -> name.equals("BYTES") ? "sizeof(struct blk_zone)" : "BLK_ZONE_" + name);
        struct("blk_zone_range", blk_zone_range.layout());
        compareWithC("blkzoned", "");
    }

    @Test
    void libcMatchesTheInstalledHeaders() throws Exception {
        constants(libc_h.class);
        fields(Errno.class, UnaryOperator.identity());
        struct("flock", flock.layout());
        struct("cachestat", cachestat.layout());
        struct("cachestat_range", cachestat_range.layout());
        expected.put("MNT_DETACH", (long) LinuxProcess.MNT_DETACH);
        compareWithC("libc", "#include <errno.h>\n#include <sys/mount.h>");
    }

    private void constants(Class<?> generated) throws ReflectiveOperationException {
        for (Method method : generated.getDeclaredMethods()) {
            if (method.getParameterCount() == 0 && method.getName().matches("[A-Z_][A-Za-z0-9_]*")) {
                Number value = (Number) method.invoke(null);
                String cast = value instanceof Integer ? "(int) " : "";
                expected.put(cast + method.getName(), value.longValue());
            }
        }
    }

    private void fields(Class<?> handWritten, UnaryOperator<String> nameInC) throws ReflectiveOperationException {
        for (Field field : handWritten.getFields()) {
            expected.put(nameInC.apply(field.getName()), field.getLong(null));
        }
    }

    private void struct(String name, GroupLayout layout) {
        expected.put("sizeof(struct " + name + ")", layout.byteSize());
        members("struct " + name, "", layout, 0);
    }

    private void members(String struct, String prefix, GroupLayout layout, long base) {
        long offset = base;
        for (MemoryLayout member : layout.memberLayouts()) {
            if (layout instanceof UnionLayout) {
                offset = base;
            }
            String name = member.name().orElse("");
            boolean anonymous = name.startsWith("$anon$");
            if (!anonymous && !name.isEmpty()) {
                expected.put("offsetof(" + struct + ", " + prefix + name + ")", offset);
            }
            if (member instanceof GroupLayout group) {
                members(struct, anonymous ? prefix : prefix + name + ".", group, offset);
            }
            offset += member.byteSize();
        }
    }

    private void compareWithC(String headers, String include) throws IOException, InterruptedException {
        StringBuilder program = new StringBuilder();
        program.append("#include \"")
                .append(HEADERS.toAbsolutePath())
                .append('/')
                .append(headers);
        program.append("-headers.h\"\n").append(include).append("\n#include <stddef.h>\n#include <stdio.h>\n");
        program.append("int main(void) {\n");
        for (String expression : expected.keySet()) {
            program.append("printf(\"%lld\\n\", (long long) (")
                    .append(expression)
                    .append("));\n");
        }
        program.append("}\n");
        Path source = Files.writeString(temp.resolve("abi.c"), program);
        Path binary = temp.resolve("abi");
        run("gcc", "-isystem", uapiHeaders().toString(), "-o", binary.toString(), source.toString());

        List<String> values = run(binary.toString());
        assertEquals(expected.size(), values.size());
        List<String> differences = new ArrayList<>();
        int line = 0;
        for (Map.Entry<String, Long> entry : expected.entrySet()) {
            long actual = Long.parseLong(values.get(line++));
            if (actual != entry.getValue()) {
                differences.add(entry.getKey() + " is " + actual + " in C, " + entry.getValue() + " in Java");
            }
        }
        assertEquals(List.of(), differences);
    }

    private static Path uapiHeaders() throws IOException {
        assumeTrue(isOnPath("gcc"), "SKIPPED: gcc is not installed");
        String given = System.getProperty("UBLK_ZONED_UAPI_INCLUDE", System.getenv("UBLK_ZONED_UAPI_INCLUDE"));
        if (given != null) {
            return Path.of(given);
        }
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path cache =
                (xdg != null ? Path.of(xdg) : Path.of(System.getProperty("user.home"), ".cache")).resolve("ublk-zoned");
        List<Path> found = List.of();
        if (Files.isDirectory(cache)) {
            try (Stream<Path> folders = Files.list(cache)) {
                found = folders.filter(folder -> folder.getFileName().toString().startsWith("uapi-"))
                        .map(folder -> folder.resolve("usr/include"))
                        .filter(Files::isDirectory)
                        .sorted()
                        .toList();
            }
        }
        assumeTrue(
                !found.isEmpty(),
                "SKIPPED: no kernel headers in " + cache + ": run scripts/generate-bindings --check once");
        return found.getLast();
    }

    private static boolean isOnPath(String command) {
        return Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, command)));
    }

    private static List<String> run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> lines = process.inputReader().lines().toList();
        assertEquals(0, process.waitFor(), () -> String.join("\n", lines));
        return lines;
    }
}
