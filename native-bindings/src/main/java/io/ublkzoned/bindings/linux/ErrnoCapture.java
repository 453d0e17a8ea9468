package io.ublkzoned.bindings.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Links C functions so that errno survives the call: the only class that reads it.
 *
 * <p>On the data path. Each thread captures into four bytes of its own, made at its first call and freed after its end.
 */
final class ErrnoCapture {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");
    private static final StructLayout LAYOUT = Linker.Option.captureStateLayout();
    private static final long ERRNO = LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

    // Automatic, because nothing runs at the end of a thread, and the kernel never holds this address.
    private static final ThreadLocal<MemorySegment> SEGMENT =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(LAYOUT));

    private ErrnoCapture() {}

    /** A handle of a C function, whose first argument is {@link #segment()}. */
    static MethodHandle link(String name, MemoryLayout returned, MemoryLayout... arguments) {
        return downcall(name, FunctionDescriptor.of(returned, arguments), CAPTURE);
    }

    /** The same for a C function declared with {@code ...} after its first {@code fixedArguments}. */
    static MethodHandle linkVariadic(
            String name, int fixedArguments, MemoryLayout returned, MemoryLayout... arguments) {
        FunctionDescriptor descriptor = FunctionDescriptor.of(returned, arguments);
        return downcall(name, descriptor, CAPTURE, Linker.Option.firstVariadicArg(fixedArguments));
    }

    private static MethodHandle downcall(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        try {
            return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor, options);
        } catch (IllegalCallerException e) {
            throw new IllegalStateException(
                    "native access is denied: run java with --enable-native-access="
                            + ErrnoCapture.class.getModule().getName(),
                    e);
        }
    }

    static MemorySegment segment() {
        return SEGMENT.get();
    }

    /** What a C function returned, with -1 replaced by -errno. */
    static int result(int returned, MemorySegment capture) {
        return returned == -1 ? -errno(capture) : returned;
    }

    static long result(long returned, MemorySegment capture) {
        return returned == -1 ? -errno(capture) : returned;
    }

    static int errno(MemorySegment capture) {
        return capture.get(ValueLayout.JAVA_INT, ERRNO);
    }
}
