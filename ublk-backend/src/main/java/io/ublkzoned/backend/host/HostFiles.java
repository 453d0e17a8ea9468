package io.ublkzoned.backend.host;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor.Version;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** The state of the host according to its files: proc(5), sysfs, the config and the modules of the kernel. */
final class HostFiles {

    private static final Version LINUX_MIN = Version.parse("6.6");
    private static final List<String> CONFIG_NEEDED = List.of("CONFIG_BLK_DEV_UBLK", "CONFIG_BLK_DEV_ZONED");
    private static final Pattern RELEASE = Pattern.compile("\\d+\\.\\d+");

    private static final int CAP_IPC_LOCK = 14; // capability.h
    private static final int CAP_SYS_ADMIN = 21;

    /** The memory of a server of a small device. More zones, queues and tags need more. */
    private static final long SERVER_BYTES = 160L << 20;

    private final Path root;

    /**
     * Reads the files below a root.
     *
     * @param root stands for /
     */
    HostFiles(Path root) {
        this.root = root;
    }

    Finding kernel() throws IOException {
        String release = release();
        Matcher version = RELEASE.matcher(release);
        if (version.lookingAt() && Version.parse(version.group()).compareTo(LINUX_MIN) < 0) {
            return Finding.problem(
                    "kernel", "Linux " + release + ": zoned ublk devices need " + LINUX_MIN + " or newer");
        }
        return BrokenKernels.contains(release)
                ? Finding.problem("kernel", BrokenKernels.sentence(release))
                : Finding.ok("kernel", "Linux " + release);
    }

    /** Throws as {@link HostCheckup#requireKernel} does. */
    void requireKernel() throws IOException {
        String release = release();
        if (BrokenKernels.contains(release)) {
            throw new IOException(BrokenKernels.sentence(release));
        }
    }

    private String release() throws IOException {
        return Files.readString(root.resolve("proc/sys/kernel/osrelease")).strip();
    }

    Finding config() throws IOException {
        String release = release();
        for (String name : List.of("proc/config.gz", "boot/config-" + release, "lib/modules/" + release + "/config")) {
            Path file = root.resolve(name);
            if (Files.isReadable(file)) {
                return config(file, name.endsWith(".gz"));
            }
        }
        return Finding.warning(
                "config",
                "not found in /proc/config.gz or /boot: the kernel needs " + String.join(" and ", CONFIG_NEEDED));
    }

    private static Finding config(Path file, boolean compressed) throws IOException {
        String config;
        try (InputStream raw = Files.newInputStream(file);
                InputStream plain = compressed ? new GZIPInputStream(raw) : raw) {
            config = new String(plain.readAllBytes(), StandardCharsets.UTF_8);
        }
        List<String> missing = new ArrayList<>(CONFIG_NEEDED);
        List<String> found = config.lines()
                .filter(line -> missing.removeIf(option -> line.startsWith(option + "=")))
                .toList();
        return missing.isEmpty()
                ? Finding.ok("config", String.join(", ", found))
                : Finding.problem(
                        "config",
                        String.join(" and ", missing) + " not set: this kernel supports no zoned ublk devices");
    }

    Finding module() throws IOException {
        if (Files.isDirectory(root.resolve("sys/module/ublk_drv"))) {
            return Finding.ok("module", "ublk_drv is present");
        }
        Path drivers = root.resolve("lib/modules/" + release() + "/kernel/drivers/block");
        if (!Files.isDirectory(drivers)) {
            return Finding.problem(
                    "module", "ublk_drv is not loaded, and this kernel's modules are not installed here");
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(drivers, "ublk_drv.ko*")) {
            return files.iterator().hasNext()
                    ? Finding.problem("module", "ublk_drv is not loaded: run 'modprobe ublk_drv'")
                    : Finding.problem(
                            "module",
                            "ublk_drv is not installed: it comes with Debian's linux-image and Ubuntu's linux-modules-extra");
        }
    }

    Finding privileges() throws IOException {
        if (!hasCapability(CAP_SYS_ADMIN)) {
            return Finding.problem("privileges", "no CAP_SYS_ADMIN: run as root");
        }
        String ids = Files.readString(root.resolve("proc/self/uid_map")).strip();
        return ids.matches("0\\s+0\\s+4294967295")
                ? Finding.ok("privileges", "CAP_SYS_ADMIN")
                : Finding.problem(
                        "privileges", "this is a user namespace: zoned ublk devices need CAP_SYS_ADMIN outside of it");
    }

    private boolean hasCapability(int number) throws IOException {
        return (Long.parseUnsignedLong(valueOf("proc/self/status", "CapEff:"), 16) >>> number & 1) != 0;
    }

    /** Returns the first word after the beginning of a line. */
    private String valueOf(String file, String beginning) throws IOException {
        try (Stream<String> lines = Files.lines(root.resolve(file))) {
            return lines.filter(line -> line.startsWith(beginning))
                    .map(line -> line.substring(beginning.length()).strip().split("\\s+", 2)[0])
                    .findFirst()
                    .orElseThrow(() -> new IOException("/" + file + " has no line " + beginning));
        }
    }

    Finding lockedMemory() throws IOException {
        String limit = valueOf("proc/self/limits", "Max locked memory");
        if (limit.equals("unlimited") || hasCapability(CAP_IPC_LOCK)) {
            return Finding.ok(
                    "memlock", limit.equals("unlimited") ? limit : limit + " bytes; CAP_IPC_LOCK lifts the limit");
        }
        return Finding.warning(
                "memlock", limit + " bytes and no CAP_IPC_LOCK: io_uring may lack memory, see ulimit -l");
    }

    /** Checks /dev. New device nodes appear only in a devtmpfs, which a container's /dev usually is not. */
    Finding deviceNodes() throws IOException {
        String type = mountType("/dev");
        return type.equals("devtmpfs")
                ? Finding.ok("/dev", "devtmpfs")
                : Finding.problem(
                        "/dev",
                        type
                                + ", as in a container: device nodes appear in the host's devtmpfs, so mount that on /dev");
    }

    private String mountType(String mountPoint) throws IOException {
        return Mount.read(root.resolve("proc/self/mountinfo")).stream()
                .filter(mount -> mount.point().equals(mountPoint))
                .map(Mount::type)
                .reduce((below, above) -> above)
                .orElse("not a mount point");
    }

    /** Checks the memory limit: the lowest limit of this process's cgroup and of its parents. */
    Finding memory() throws IOException {
        long limit = Long.MAX_VALUE;
        String group = valueOf("proc/self/cgroup", "0::").replaceFirst("^/", "");
        for (Path path = Path.of(group); path != null; path = path.getParent()) {
            Path file = root.resolve("sys/fs/cgroup").resolve(path).resolve("memory.max");
            String max = Files.isReadable(file) ? Files.readString(file).strip() : "max";
            limit = max.equals("max") ? limit : Math.min(limit, Long.parseLong(max));
        }
        if (limit == Long.MAX_VALUE) {
            return Finding.ok("cgroup", "no memory limit");
        }
        String mebibytes = (limit >> 20) + " MiB of memory";
        return limit >= SERVER_BYTES
                ? Finding.ok("cgroup", mebibytes)
                : Finding.warning("cgroup", mebibytes + ": a server takes up to " + (SERVER_BYTES >> 20) + " MiB");
    }
}
