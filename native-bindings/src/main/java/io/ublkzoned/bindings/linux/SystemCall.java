package io.ublkzoned.bindings.linux;

import static io.ublkzoned.bindings.linux.NativeFunction.thrownBy;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * System calls by their number, by syscall(2). Arguments are passed as to a {@link NativeFunction}.
 *
 * <p>On the data path, from any thread: nothing is allocated once a thread has made its first call.
 */
final class SystemCall {

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();

    /** On Linux, the only thing in it. To look it up by its name takes 3 ms of every start. */
    static final long ERRNO = 0;

    // Each thread has its own errno, made at its first call and freed after its end: automatic, because nothing runs
    // then, and the kernel never holds this address.
    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

    // Declared with "...", but it only moves registers, so that it needs none of what a variadic function needs.
    private static final NativeFunction SYSCALL = NativeFunction.find("syscall");

    private static final class Capturing {
        static final MethodHandle CALL = NativeFunction.link(Linker.Option.captureCallState("errno"));
    }

    private SystemCall() {}

    /**
     * Makes the call, again if a signal interrupted it.
     *
     * @param number SYS_... of {@link io.ublkzoned.bindings.generated.libc.libc_h}
     * @return what the kernel returned, or -errno
     */
    static long call(int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        long returned;
        do {
            returned = once(number, first, second, third, fourth, fifth, sixth);
        } while (returned == -Errno.EINTR);
        return returned;
    }

    static long call(int number, long first, long second, long third, long fourth) {
        return call(number, first, second, third, fourth, 0, 0);
    }

    static long call(int number, long first, long second, long third) {
        return call(number, first, second, third, 0, 0, 0);
    }

    static long call(int number, long first, long second) {
        return call(number, first, second, 0, 0, 0, 0);
    }

    static long call(int number, long first) {
        return call(number, first, 0, 0, 0, 0, 0);
    }

    static long call(int number) {
        return call(number, 0, 0, 0, 0, 0, 0);
    }

    /** Makes a call that is not to be made again, or never interrupted. */
    static long once(int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        MemorySegment state = STATE.get();
        try {
            long returned = (long) Capturing.CALL.invokeExact(
                    SYSCALL.entry(), state, (long) number, first, second, third, fourth, fifth, sixth);
            return returned == -1 ? -state.get(JAVA_INT, ERRNO) : returned;
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** As {@link #call}, but the call allocates nothing, whichever compiler has compiled it, and fails with just -1. */
    static long quick(int number, long first, long second, long third, long fourth, long fifth, long sixth) {
        return SYSCALL.call(number, first, second, third, fourth, fifth, sixth);
    }
}
