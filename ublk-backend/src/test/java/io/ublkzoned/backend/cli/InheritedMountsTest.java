package io.ublkzoned.backend.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.backend.host.Mount;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class InheritedMountsTest {

    private static final Mount ROOT = mount(1, 0, "/");
    private static final Mount PROC = mount(2, 1, "/proc");
    private static final Mount BINFMT = mount(3, 2, "/proc/sys/fs/binfmt_misc");
    private static final Mount DISK = mount(4, 1, "/disk");

    private static Mount mount(int id, int parent, String point) {
        return new Mount(id, parent, point, false, "ext4", "/dev/x" + id, "rw");
    }

    /** Returns the ids of the mounts to be detached. */
    private static List<Integer> superfluous(List<Mount> mounts, String... needed) {
        Set<Path> files = Stream.of(needed).map(Path::of).collect(Collectors.toSet());
        return InheritedMounts.superfluous(mounts, files).stream()
                .map(Mount::id)
                .toList();
    }

    @Test
    void mountsWithoutNeededFilesAreDetached() {
        assertEquals(List.of(4), superfluous(List.of(ROOT, PROC, BINFMT, DISK), "/", "/proc", "/usr/bin/java"));
    }

    @Test
    void mountOfTheImageIsKeptWithThoseBelowIt() {
        Mount data = mount(5, 4, "/disk/data");
        Mount other = mount(6, 4, "/disk/other");
        Mount similar = mount(7, 1, "/disk2");
        List<Mount> mounts = List.of(ROOT, PROC, DISK, data, other, similar);
        assertEquals(List.of(6, 7), superfluous(mounts, "/", "/disk/data/image.qcow2"));
        assertEquals(List.of(5, 6, 7), superfluous(mounts, "/", "/disk/image.qcow2"));
    }

    @Test
    void twoMountsOnOnePointAreBothKept() {
        Mount upper = mount(5, 4, "/disk");
        assertEquals(List.of(), superfluous(List.of(ROOT, PROC, DISK, upper), "/", "/disk/image.qcow2"));
        assertEquals(List.of(4, 5), superfluous(List.of(ROOT, PROC, DISK, upper), "/"));
    }
}
