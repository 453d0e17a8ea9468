package io.ublkzoned.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenFileLockTest {
    @TempDir
    private Path temp;

    private FileDescriptor ours;
    private FileDescriptor theirs;

    @BeforeEach
    void openTwice() throws LinuxException {
        String path = temp.resolve("image").toString();
        ours = FileDescriptor.open(path, FileFlags.O_RDWR | FileFlags.O_CREAT, 0600);
        theirs = FileDescriptor.open(path, FileFlags.O_RDWR);
    }

    @AfterEach
    void closeBoth() {
        ours.close();
        theirs.close();
    }

    @Test
    void writeLockExcludesAnotherDescriptorOfTheSameProcess() {
        assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_WRLCK, 100, 1));
        assertEquals(-Errno.EAGAIN, OpenFileLock.tryLock(theirs.value(), FileFlags.F_RDLCK, 100, 1));
        assertEquals(-Errno.EAGAIN, OpenFileLock.testLock(theirs.value(), FileFlags.F_RDLCK, 100, 1));
        assertEquals(0, OpenFileLock.tryLock(theirs.value(), FileFlags.F_WRLCK, 101, 1));
    }

    @Test
    void readLocksAreShared() {
        assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_RDLCK, 201, 1));
        assertEquals(0, OpenFileLock.tryLock(theirs.value(), FileFlags.F_RDLCK, 201, 1));
        assertEquals(-Errno.EAGAIN, OpenFileLock.testLock(theirs.value(), FileFlags.F_WRLCK, 201, 1));
    }

    @Test
    void testingALockTakesNone() {
        assertEquals(0, OpenFileLock.testLock(ours.value(), FileFlags.F_WRLCK, 0, 0));
        assertEquals(0, OpenFileLock.tryLock(theirs.value(), FileFlags.F_WRLCK, 0, 0));
    }

    /** The kernel checks the mode of a descriptor only when a lock is taken. */
    @Test
    void readOnlyDescriptorTestsWriteLocksAndTakesReadLocks() throws LinuxException {
        try (FileDescriptor readOnly = FileDescriptor.open(ours.name(), FileFlags.O_RDONLY)) {
            assertEquals(0, OpenFileLock.testLock(readOnly.value(), FileFlags.F_WRLCK, 100, 1));
            assertEquals(-Errno.EBADF, OpenFileLock.tryLock(readOnly.value(), FileFlags.F_WRLCK, 100, 1));
            assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_RDLCK, 100, 1));
            assertEquals(-Errno.EAGAIN, OpenFileLock.testLock(readOnly.value(), FileFlags.F_WRLCK, 100, 1));
            assertEquals(0, OpenFileLock.tryLock(readOnly.value(), FileFlags.F_RDLCK, 100, 1));
        }
    }

    @Test
    void lockEndsByUnlockAndByClose() {
        assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_WRLCK, 0, 0));
        assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_UNLCK, 0, 0));
        assertEquals(0, OpenFileLock.tryLock(theirs.value(), FileFlags.F_WRLCK, 0, 0));
        theirs.close();
        assertEquals(0, OpenFileLock.tryLock(ours.value(), FileFlags.F_WRLCK, 0, 0));
    }

    @Test
    void lockOfAClosedFileIsEbadf() {
        assertEquals(-Errno.EBADF, OpenFileLock.tryLock(-1, FileFlags.F_WRLCK, 0, 0));
        assertEquals(-Errno.EBADF, OpenFileLock.testLock(-1, FileFlags.F_WRLCK, 0, 0));
    }
}
