package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.host.Mount;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The mounts that a server inherited when the launcher made a mount namespace for it. The server detaches those that it
 * does not need. Otherwise, if the caller's mounts do not propagate umounts, its copies would keep file systems and
 * their devices busy after other processes have unmounted them.
 */
final class InheritedMounts {

    private static final Path SELF = Path.of("/proc/self");
    private static final List<Path> NEEDED =
            Stream.of("/", "/proc", "/sys", "/dev", "/run").map(Path::of).toList();

    /**
     * The mounts that are kept with all mounts below them. The kernel's own file systems hold no device, and Java reads
     * cgroups below /sys.
     */
    private static final List<Path> NEEDED_WITH_ALL_BELOW =
            Stream.of("/proc", "/sys").map(Path::of).toList();

    private InheritedMounts() {}

    /**
     * Detaches all mounts except for those that the process needs. Does nothing in a namespace that may also belong to
     * another process.
     *
     * <p>Before the call, the process must have opened every file that it will use later, and its working directory
     * must be on a needed mount.
     */
    static void detach() throws IOException {
        if (!isNamespaceOfLauncher()) {
            return;
        }
        Set<Path> needed = filesInUse();
        needed.addAll(NEEDED);
        int left = Integer.MAX_VALUE;
        // Detaching a mount uncovers those that it hid: repeat until none is left.
        for (List<Mount> mounts = superfluous(read(), needed); !mounts.isEmpty() && mounts.size() < left; ) {
            left = mounts.size();
            mounts.reversed().forEach(mount -> LinuxProcess.umount(mount.point(), LinuxProcess.MNT_DETACH));
            mounts = superfluous(read(), needed);
        }
    }

    /**
     * Returns whether the launcher made the namespace: it is not that of the parent, and no mount in it propagates
     * umounts.
     */
    private static boolean isNamespaceOfLauncher() throws IOException {
        try {
            Path parent = Path.of("/proc", parentPid(), "ns/mnt");
            return !Files.readSymbolicLink(parent).equals(Files.readSymbolicLink(SELF.resolve("ns/mnt")))
                    && read().stream().noneMatch(Mount::shared);
        } catch (IOException e) {
            return false; // the parent has ended, or this user has no permission to see it
        }
    }

    private static String parentPid() throws IOException {
        try (Stream<String> lines = Files.lines(SELF.resolve("status"))) {
            return lines.filter(line -> line.startsWith("PPid:"))
                    .findFirst()
                    .orElseThrow(() -> new IOException("/proc/self/status has no line PPid:"))
                    .substring("PPid:".length())
                    .strip();
        }
    }

    private static List<Mount> read() throws IOException {
        return Mount.read(SELF.resolve("mountinfo"));
    }

    /** Returns the files that are open or mapped, except for the caller's stdin, stdout and stderr. */
    private static Set<Path> filesInUse() throws IOException {
        Set<Path> files = new HashSet<>();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(SELF.resolve("fd"))) {
            for (Path link : links) {
                if (Integer.parseInt(link.getFileName().toString()) > 2) {
                    addAbsolute(files, target(link));
                }
            }
        }
        String maps = Files.readString(SELF.resolve("maps"), StandardCharsets.ISO_8859_1);
        maps.lines()
                .map(line -> line.split(" +", 6))
                .filter(words -> words.length == 6)
                .forEach(words -> {
                    byte[] path = words[5].getBytes(StandardCharsets.ISO_8859_1);
                    addAbsolute(files, new String(path, StandardCharsets.UTF_8));
                });
        return files;
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // just closed
        }
    }

    private static void addAbsolute(Set<Path> files, String path) {
        if (path.startsWith("/")) {
            files.add(Path.of(path));
        }
    }

    /** Returns the mounts that contain no needed file, and no mount with a needed file below them. */
    static List<Mount> superfluous(List<Mount> mounts, Set<Path> needed) {
        Map<Integer, Mount> byId = mounts.stream().collect(Collectors.toMap(Mount::id, Function.identity()));
        Set<Mount> kept = new LinkedHashSet<>();
        for (Path file : needed) {
            // Of several mounts at the deepest point, the last one is on top.
            mounts.stream()
                    .filter(mount -> file.startsWith(mount.point()))
                    .reduce((one, other) -> depth(other) >= depth(one) ? other : one)
                    .ifPresent(kept::add);
        }
        for (Mount mount : List.copyOf(kept)) {
            for (Mount at = byId.get(mount.parentId()); at != null && kept.add(at); ) {
                at = byId.get(at.parentId());
            }
        }
        Set<String> keptPoints = kept.stream().map(Mount::point).collect(Collectors.toSet());
        return mounts.stream()
                .filter(mount -> !keptPoints.contains(mount.point()))
                .filter(mount -> NEEDED_WITH_ALL_BELOW.stream().noneMatch(Path.of(mount.point())::startsWith))
                .toList();
    }

    private static int depth(Mount mount) {
        return Path.of(mount.point()).getNameCount();
    }
}
