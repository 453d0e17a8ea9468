package io.ublkzoned.backend.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.backend.host.Finding.Verdict;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hosts of many kinds, as files in a folder. */
final class HostFilesTest {

    private static final String RELEASE = "7.3.4-amd64";

    @TempDir
    private Path root;

    private HostFiles host;

    @BeforeEach
    void makeHostWithLinux73() throws IOException {
        host = new HostFiles(root);
        write("proc/sys/kernel/osrelease", RELEASE + "\n");
    }

    @Test
    void oldKernelIsAProblem() throws IOException {
        expect(host.kernel(), Verdict.OK, "Linux 7.3.4-amd64");
        write("proc/sys/kernel/osrelease", "6.6.0\n");
        expect(host.kernel(), Verdict.OK, "Linux 6.6.0");
        for (String old : new String[] {"6.5.13-generic", "5.15.0"}) {
            write("proc/sys/kernel/osrelease", old + "\n");
            expect(host.kernel(), Verdict.PROBLEM, "Linux " + old + ": zoned ublk devices need 6.6 or newer");
        }
    }

    @Test
    void kernelThatCrashesIsAProblemAndGetsNoDevice() throws IOException {
        host.requireKernel();
        write("proc/sys/kernel/osrelease", "6.18.4-arch1-1\n");
        String sentence = "Linux 6.18.4-arch1-1: adding a ublk device crashes this kernel; boot Linux 6.18.6 or newer";
        expect(host.kernel(), Verdict.PROBLEM, sentence);
        IOException refusal = assertThrows(IOException.class, host::requireKernel);
        assertEquals(sentence, refusal.getMessage());
    }

    @Test
    void configIsReadFromEachPlace() throws IOException {
        String found = "CONFIG_BLK_DEV_ZONED=y, CONFIG_BLK_DEV_UBLK=m";
        String config = "# comment\nCONFIG_BLK_DEV_ZONED=y\nCONFIG_BLK_DEV_UBLK=m\n";
        assertEquals(Verdict.WARNING, host.config().verdict());
        write("lib/modules/" + RELEASE + "/config", config);
        expect(host.config(), Verdict.OK, found);
        write("boot/config-" + RELEASE, "# CONFIG_BLK_DEV_ZONED is not set\nCONFIG_BLK_DEV_UBLK=y\n");
        expect(
                host.config(),
                Verdict.PROBLEM,
                "CONFIG_BLK_DEV_ZONED not set: this kernel supports no zoned ublk devices");
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (OutputStream plain = new GZIPOutputStream(compressed)) {
            plain.write(config.getBytes(StandardCharsets.UTF_8));
        }
        Files.write(root.resolve("proc/config.gz"), compressed.toByteArray());
        expect(host.config(), Verdict.OK, found);
    }

    @Test
    void missingModuleIsAProblemWithARemedy() throws IOException {
        expect(
                host.module(),
                Verdict.PROBLEM,
                "ublk_drv is not loaded, and this kernel's modules are not installed here");
        write("lib/modules/" + RELEASE + "/kernel/drivers/block/loop.ko.xz", "");
        expect(
                host.module(),
                Verdict.PROBLEM,
                "ublk_drv is not installed: it comes with Debian's linux-image and Ubuntu's linux-modules-extra");
        write("lib/modules/" + RELEASE + "/kernel/drivers/block/ublk_drv.ko.xz", "");
        expect(host.module(), Verdict.PROBLEM, "ublk_drv is not loaded: run 'modprobe ublk_drv'");
        Files.createDirectories(root.resolve("sys/module/ublk_drv"));
        assertEquals(Verdict.OK, host.module().verdict());
    }

    @Test
    void privilegesMustBeThoseOfTheInitialUserNamespace() throws IOException {
        write("proc/self/uid_map", "         0          0 4294967295\n");
        write("proc/self/status", "Name:\tjava\nCapEff:\t0000000000000000\n");
        expect(host.privileges(), Verdict.PROBLEM, "no CAP_SYS_ADMIN: run as root");
        write("proc/self/status", "Name:\tjava\nCapEff:\t000001ffffffffff\n");
        expect(host.privileges(), Verdict.OK, "CAP_SYS_ADMIN");
        write("proc/self/uid_map", "         0       1000          1\n");
        assertEquals(Verdict.PROBLEM, host.privileges().verdict());
    }

    @Test
    void lockedMemoryIsLimitedWithoutTheCapability() throws IOException {
        write("proc/self/status", "CapEff:\t0000000000000000\n");
        write("proc/self/limits", "Max locked memory         unlimited            unlimited            bytes\n");
        expect(host.lockedMemory(), Verdict.OK, "unlimited");
        write("proc/self/limits", "Max locked memory         8388608              8388608              bytes\n");
        expect(
                host.lockedMemory(),
                Verdict.WARNING,
                "8388608 bytes and no CAP_IPC_LOCK: io_uring may lack memory, see ulimit -l");
        write("proc/self/status", "CapEff:\t0000000000004000\n");
        expect(host.lockedMemory(), Verdict.OK, "8388608 bytes; CAP_IPC_LOCK lifts the limit");
    }

    @Test
    void devMustBeADevtmpfs() throws IOException {
        write("proc/self/mountinfo", "21 20 0:5 / /dev rw - devtmpfs udev rw\n22 20 0:6 / /run rw - tmpfs tmpfs rw\n");
        expect(host.deviceNodes(), Verdict.OK, "devtmpfs");
        write(
                "proc/self/mountinfo",
                "21 20 0:5 / /dev rw - devtmpfs udev rw\n22 20 0:6 / /dev rw,x master:1 - tmpfs tmpfs rw\n");
        expect(
                host.deviceNodes(),
                Verdict.PROBLEM,
                "tmpfs, as in a container: device nodes appear in the host's devtmpfs, so mount that on /dev");
    }

    @Test
    void leastMemoryLimitOfTheParentGroupsCounts() throws IOException {
        write("proc/self/cgroup", "0::/a/b\n");
        expect(host.memory(), Verdict.OK, "no memory limit");
        write("sys/fs/cgroup/a/b/memory.max", "max\n");
        write("sys/fs/cgroup/a/memory.max", (1L << 30) + "\n");
        expect(host.memory(), Verdict.OK, "1024 MiB of memory");
        write("sys/fs/cgroup/a/b/memory.max", (64L << 20) + "\n");
        expect(host.memory(), Verdict.WARNING, "64 MiB of memory: a server takes up to 160 MiB");
    }

    private void write(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private static void expect(Finding finding, Verdict verdict, String sentence) {
        assertEquals(sentence, finding.sentence());
        assertEquals(verdict, finding.verdict());
    }
}
