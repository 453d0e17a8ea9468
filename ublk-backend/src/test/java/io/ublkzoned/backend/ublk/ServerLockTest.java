package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.bindings.linux.LinuxProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ServerLockTest {

    @TempDir
    private Path folder;

    @Test
    void holderIsVisibleFromItsStartToItsEnd() throws IOException {
        assertNull(ServerLock.holder(folder));
        ServerLock lock = ServerLock.take(folder);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.STARTING, 0),
                ServerLock.holder(folder));
        lock.enter(ServerLock.Phase.STARTED);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.STARTED, 1),
                ServerLock.holder(folder));
        lock.close();
        assertNull(ServerLock.holder(folder));
    }

    @Test
    void livesAreCounted() throws IOException {
        ServerLock lock = ServerLock.take(folder);
        lock.enter(ServerLock.Phase.STARTED);
        lock.enter(ServerLock.Phase.OFF);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.OFF, 1), ServerLock.holder(folder));
        lock.enter(ServerLock.Phase.STARTED);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.STARTED, 2),
                ServerLock.holder(folder));
        lock.close();
    }

    @Test
    void secondServerIsRefused() throws IOException {
        ServerLock lock = ServerLock.take(folder);
        assertThrows(IOException.class, () -> ServerLock.take(folder));
        lock.close();
        ServerLock.take(folder).close();
    }

    @Test
    void nextServerStartsInPhaseStarting() throws IOException {
        ServerLock lock = ServerLock.take(folder);
        lock.enter(ServerLock.Phase.STARTED);
        lock.close();
        ServerLock next = ServerLock.take(folder);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.STARTING, 0),
                ServerLock.holder(folder));
        next.close();
    }

    @Test
    void newRunDirectoryIsLocked() throws IOException {
        RunDirectory directory = new RunDirectory(folder.resolve("run"), 0);
        ServerLock lock = directory.create(Files.createFile(folder.resolve("image")), CacheMode.NONE, "");
        assertNotNull(lock);
        assertEquals(
                new ServerLock.Holder(LinuxProcess.processId(), ServerLock.Phase.STARTING, 0),
                ServerLock.holder(directory));
        lock.close();
        assertNull(ServerLock.holder(directory));
    }
}
