package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.SystemCall.callRestarting;

import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;

/**
 * System calls on this process and its threads. As in {@link Libc}, each returns the result of the kernel, or -errno.
 * Not on the data path.
 */
public final class LinuxProcess {
    public static final int SIGINT = libc_h.SIGINT();
    public static final int SIGKILL = libc_h.SIGKILL();
    public static final int SIGTERM = libc_h.SIGTERM();

    /** Sends this process a signal, the argument, when its parent dies. */
    public static final int PR_SET_PDEATHSIG = libc_h.PR_SET_PDEATHSIG();
    /**
     * With argument 1, declares that this thread serves a block device, so its own allocations must not wait for I/O.
     */
    public static final int PR_SET_IO_FLUSHER = libc_h.PR_SET_IO_FLUSHER();

    public static final int MCL_CURRENT = libc_h.MCL_CURRENT();
    public static final int MCL_FUTURE = libc_h.MCL_FUTURE();
    /** Together with the other two, locks each page when it is first touched, and loads no page before that. */
    public static final int MCL_ONFAULT = libc_h.MCL_ONFAULT();

    /** A flag of {@link #umount}: detaches the mount at once, and unmounts it when its last user is gone. */
    public static final int MNT_DETACH = 2; // an enumerator in sys/mount.h

    private LinuxProcess() {}

    /** Returns the effective user id. Root is 0. */
    public static int effectiveUserId() {
        return (int) callRestarting(libc_h.SYS_geteuid());
    }

    /** Returns the id of this process. */
    public static int processId() {
        return (int) callRestarting(libc_h.SYS_getpid());
    }

    /** Returns the kernel's id of the calling thread. */
    public static int threadId() {
        return (int) callRestarting(libc_h.SYS_gettid());
    }

    /** Sends a signal by kill(2). Signal 0 only tests whether the process exists: -ESRCH if not. */
    public static int kill(int pid, int signal) {
        return (int) callRestarting(libc_h.SYS_kill(), pid, signal);
    }

    /**
     * Changes the working directory of the whole process by chdir(2). Java's own file classes still use the directory
     * in which the process started.
     */
    public static int chdir(String path) {
        try (Arena arena = Arena.ofConfined()) {
            return (int)
                    callRestarting(libc_h.SYS_chdir(), arena.allocateFrom(path).address());
        }
    }

    /** Makes {@code newFd} another number of the open file {@code oldFd} by dup2(2). It outlives exec(2). */
    public static int dup2(int oldFd, int newFd) {
        return (int) callRestarting(libc_h.SYS_dup3(), oldFd, newFd, 0);
    }

    /** Removes the topmost mount at {@code path} from the mount namespace of this process, by umount2(2). */
    public static int umount(String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) callRestarting(
                    libc_h.SYS_umount2(), arena.allocateFrom(path).address(), flags);
        }
    }

    /** Locks memory by mlockall(2) with MCL_... flags. */
    public static int lockMemory(int flags) {
        return (int) callRestarting(libc_h.SYS_mlockall(), flags);
    }

    /** Calls prctl(2) for the calling thread or its process, with one argument and zeros after it. */
    public static int prctl(int option, long argument) {
        return (int) callRestarting(libc_h.SYS_prctl(), option, argument, 0, 0, 0, 0);
    }
}
