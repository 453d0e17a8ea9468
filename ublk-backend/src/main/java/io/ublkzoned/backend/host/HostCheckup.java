package io.ublkzoned.backend.host;

import io.ublkzoned.backend.ublk.DeviceInfo;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLock;
import io.ublkzoned.backend.ublk.UblkControl;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.bindings.uring.RingFeatures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The checks of everything that a device needs. Each runs even if others have found a problem. */
public final class HostCheckup {

    private HostCheckup() {}

    /** A check of one subject. */
    private interface Look {
        Finding look() throws IOException;
    }

    /** Runs all checks, and returns their findings in order. */
    public static List<Finding> run() {
        HostFiles files = new HostFiles(Path.of("/"));
        List<Finding> findings = new ArrayList<>();
        add(findings, "kernel", files::kernel);
        add(findings, "config", files::config);
        add(findings, "module", files::module);
        add(findings, "privileges", files::privileges);
        add(findings, "driver", HostCheckup::driver);
        add(findings, "io_uring", HostCheckup::ring);
        add(findings, "memlock", files::lockedMemory);
        add(findings, "cgroup", files::memory);
        add(findings, "/dev", files::deviceNodes);
        findings.add(Finding.ok(
                "java",
                System.getProperty("java.runtime.version", "?") + " in " + System.getProperty("java.home", "?")));
        add(findings, "devices", HostCheckup::devices);
        return findings;
    }

    /**
     * Throws if adding a device would crash this kernel. Reads one file of /proc.
     *
     * @throws IOException with a sentence for the user
     */
    public static void requireKernel() throws IOException {
        new HostFiles(Path.of("/")).requireKernel();
    }

    private static void add(List<Finding> findings, String subject, Look look) {
        try {
            findings.add(look.look());
        } catch (IOException e) {
            findings.add(Finding.warning(subject, "not known: " + e));
        }
    }

    private static Finding driver() {
        try (UblkControl control = UblkControl.open()) {
            long features = control.features();
            return (features & UblkFeatures.ZONED) != 0
                    ? Finding.ok("driver", String.join(" ", UblkFeatures.names(features)))
                    : Finding.problem("driver", "no support for zoned devices: the kernel needs CONFIG_BLK_DEV_ZONED");
        } catch (IOException e) {
            return Finding.problem("driver", String.valueOf(e.getMessage()));
        }
    }

    private static Finding ring() {
        RingFeatures ring = RingFeatures.ofThisKernel();
        return ring.available()
                ? Finding.ok("io_uring", "with liburing")
                : Finding.problem("io_uring", ring.unavailableReason());
    }

    private static Finding devices() throws IOException {
        List<Integer> ids = RunDirectory.ids();
        if (ids.isEmpty()) {
            return Finding.ok("devices", "none");
        }
        List<String> orphans = new ArrayList<>();
        try (UblkControl control = UblkControl.open()) {
            for (int id : ids) {
                DeviceInfo info = control.info(id);
                boolean hasServer = ServerLock.holder(new RunDirectory(id)) != null; // which may be starting
                if ((info == null || !info.isLive()) && !hasServer) {
                    boolean waits = info != null && info.isWaiting();
                    orphans.add("device %d has no server: ublk-zoned %s %1$d".formatted(id, waits ? "recover" : "del"));
                }
            }
        }
        return orphans.isEmpty()
                ? Finding.ok("devices", ids.size() + " live")
                : Finding.warning("devices", String.join("; ", orphans));
    }
}
