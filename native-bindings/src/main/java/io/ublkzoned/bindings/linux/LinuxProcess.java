package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;

import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;

/**
 * System calls on this process and its threads. As in {@link Libc}, a result is what the kernel returned, or -errno.
 * Not on the data path.
 */
public final class LinuxProcess {
    public static final int SIGINT = libc_h.SIGINT();
    public static final int SIGKILL = libc_h.SIGKILL();
    public static final int SIGTERM = libc_h.SIGTERM();

    /** Dies with its parent: the argument is the signal that it gets. */
    public static final int PR_SET_PDEATHSIG = libc_h.PR_SET_PDEATHSIG();
    /** With argument 1: this thread serves a block device, so that its own allocations must not wait for I/O. */
    public static final int PR_SET_IO_FLUSHER = libc_h.PR_SET_IO_FLUSHER();

    public static final int MCL_CURRENT = libc_h.MCL_CURRENT();
    public static final int MCL_FUTURE = libc_h.MCL_FUTURE();
    /** With the other two: a page is locked once it is touched, and none is read in ahead. */
    public static final int MCL_ONFAULT = libc_h.MCL_ONFAULT();

    /** Of {@link #umount}: detaches the mount at once, and lets it end when nothing uses it any more. */
    public static final int MNT_DETACH = 2; // an enumerator in sys/mount.h

    private LinuxProcess() {}

    /** The effective user id: 0 is root. */
    public static int effectiveUserId() {
        return (int) callRestarting(libc_h.SYS_geteuid());
    }

    /** The id of this process. */
    public static int processId() {
        return (int) callRestarting(libc_h.SYS_getpid());
    }

    /** The kernel's id of the calling thread. */
    public static int threadId() {
        return (int) callRestarting(libc_h.SYS_gettid());
    }

    /** kill(2). Signal 0 only tests whether the process is there: -ESRCH if not. */
    public static int kill(int pid, int signal) {
        return (int) callRestarting(libc_h.SYS_kill(), pid, signal);
    }

    /** chdir(2), for the whole process. Java's own file classes go on with the folder of the start. */
    public static int chdir(String path) {
        try (Arena arena = Arena.ofConfined()) {
            return (int)
                    callRestarting(libc_h.SYS_chdir(), arena.allocateFrom(path).address());
        }
    }

    /** dup2(2): {@code newFd} becomes another name of {@code oldFd}, another number, and outlives exec(2). */
    public static int dup2(int oldFd, int newFd) {
        return (int) callRestarting(libc_h.SYS_dup3(), oldFd, newFd, 0);
    }

    /** umount2(2): removes the topmost mount at {@code path} from the mount namespace of this process. */
    public static int umount(String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) callRestarting(
                    libc_h.SYS_umount2(), arena.allocateFrom(path).address(), flags);
        }
    }

    /** mlockall(2) with MCL_... flags. */
    public static int lockMemory(int flags) {
        return (int) callRestarting(libc_h.SYS_mlockall(), flags);
    }

    /** prctl(2) of the calling thread or its process, with one argument and zeros after it. */
    public static int prctl(int option, long argument) {
        return (int) callRestarting(libc_h.SYS_prctl(), option, argument, 0, 0, 0, 0);
    }
}
