package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.AddressLinker.thrownBy;
import static io.ublkzoned.bindings.linux.ErrnoCapture.link;
import static io.ublkzoned.bindings.linux.ErrnoCapture.linkVariadic;
import static io.ublkzoned.bindings.linux.ErrnoCapture.result;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

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

    private LinuxProcess() {}

    /** The effective user id: 0 is root. */
    public static int effectiveUserId() {
        return libc_h.geteuid();
    }

    /** The kernel's id of the calling thread. */
    public static int threadId() {
        return libc_h.gettid();
    }

    private static final class Kill {
        static final MethodHandle CALL = link("kill", JAVA_INT, JAVA_INT, JAVA_INT);
    }

    /** kill(2). Signal 0 only tests whether the process is there: -ESRCH if not. */
    public static int kill(int pid, int signal) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) Kill.CALL.invokeExact(capture, pid, signal), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Chdir {
        static final MethodHandle CALL = link("chdir", JAVA_INT, ADDRESS);
    }

    /** chdir(2), for the whole process. Java's own file classes go on with the folder of the start. */
    public static int chdir(String path) {
        MemorySegment capture = ErrnoCapture.segment();
        try (Arena arena = Arena.ofConfined()) {
            return result((int) Chdir.CALL.invokeExact(capture, arena.allocateFrom(path)), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Dup2 {
        static final MethodHandle CALL = link("dup2", JAVA_INT, JAVA_INT, JAVA_INT);
    }

    /** dup2(2): {@code newFd} becomes another name of {@code oldFd}, and outlives exec(2). */
    public static int dup2(int oldFd, int newFd) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            int returned;
            do {
                returned = result((int) Dup2.CALL.invokeExact(capture, oldFd, newFd), capture);
            } while (returned == -Errno.EINTR);
            return returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Mlockall {
        static final MethodHandle CALL = link("mlockall", JAVA_INT, JAVA_INT);
    }

    /** mlockall(2) with MCL_... flags. */
    public static int lockMemory(int flags) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) Mlockall.CALL.invokeExact(capture, flags), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    private static final class Prctl {
        static final MethodHandle CALL =
                linkVariadic("prctl", 1, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    }

    /** prctl(2) of the calling thread or its process, with one argument and zeros after it. */
    public static int prctl(int option, long argument) {
        MemorySegment capture = ErrnoCapture.segment();
        try {
            return result((int) Prctl.CALL.invokeExact(capture, option, argument, 0L, 0L, 0L), capture);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }
}
