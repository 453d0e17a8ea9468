package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.NativeFunction.thrownBy;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * System calls by number, through syscall(2). Arguments are passed as to a {@link NativeFunction}.
 *
 * <p>On the data path, from any thread. Nothing is allocated once a thread has made its first call.
 */
final class SystemCall {

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();

    /**
     * The offset of errno in the call state, which holds nothing else on Linux. Looking it up by name would delay every
     * start by 3 ms.
     */
    static final long ERRNO = 0;

    // The errno of each thread, allocated at its first call and freed after its end. The arena is automatic, because no
    // code runs at the end of a thread. The kernel never keeps this address.
    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

    // C declares syscall as variadic. It only moves its arguments to other registers, so it can be called as a function
    // with a fixed number of arguments.
    private static final NativeFunction SYSCALL = NativeFunction.find("syscall");

    private static final class Capturing {
        static final MethodHandle CALL = NativeFunction.link(Linker.Option.captureCallState("errno"));
    }

    private SystemCall() {}

    /**
     * Makes a system call, and repeats it each time a signal interrupts it.
     *
     * @param number SYS_... of {@link io.ublkzoned.bindings.generated.libc.libc_h}
     * @return the result of the kernel, or -errno
     */
    static long callRestarting(int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        long returned;
        do {
            returned = callWithoutRestart(number, first, second, third, fourth, fifth, sixth);
        } while (returned == -Errno.EINTR);
        return returned;
    }

    static long callRestarting(int number, long first, long second, long third, long fourth) {
        return callRestarting(number, first, second, third, fourth, 0, 0);
    }

    static long callRestarting(int number, long first, long second, long third) {
        return callRestarting(number, first, second, third, 0, 0, 0);
    }

    static long callRestarting(int number, long first, long second) {
        return callRestarting(number, first, second, 0, 0, 0, 0);
    }

    static long callRestarting(int number, long first) {
        return callRestarting(number, first, 0, 0, 0, 0, 0);
    }

    static long callRestarting(int number) {
        return callRestarting(number, 0, 0, 0, 0, 0, 0);
    }

    /** Makes a system call that must not be repeated, or that is never interrupted. Returns the result or -errno. */
    static long callWithoutRestart(
            int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        MemorySegment state = STATE.get();
        try {
            long returned = (long) Capturing.CALL.invokeExact(
                    SYSCALL.entry(), state, (long) number, first, second, third, fourth, fifth, sixth);
            return returned == -1 ? -state.get(JAVA_INT, ERRNO) : returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /**
     * Makes a system call without allocating anything, even without the optimizing compiler. Returns -1 if the call
     * fails, not its errno.
     */
    static long callWithoutErrno(int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        return SYSCALL.invoke(number, first, second, third, fourth, fifth, sixth);
    }
}
