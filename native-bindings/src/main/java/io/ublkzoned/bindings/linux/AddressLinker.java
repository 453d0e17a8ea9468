package io.ublkzoned.bindings.linux;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Links liburing's functions for the data path: their pointers are numbers and errno is lost, so that a call allocates nothing,
 * whichever compiler has compiled it. With a {@link MemorySegment} it allocates 40 bytes unless the optimizer sees to it.
 */
public final class AddressLinker {

    private static final Linker LINKER = Linker.nativeLinker();

    private AddressLinker() {}

    /**
     * A handle of a function.
     *
     * @param address where it is
     * @param descriptor its C signature; the handle takes a long for each pointer
     */
    public static MethodHandle link(MemorySegment address, FunctionDescriptor descriptor) {
        MemoryLayout[] arguments = descriptor.argumentLayouts().stream()
                .map(layout -> layout instanceof AddressLayout ? ValueLayout.JAVA_LONG : layout)
                .toArray(MemoryLayout[]::new);
        return LINKER.downcallHandle(
                address, FunctionDescriptor.of(descriptor.returnLayout().orElseThrow(), arguments));
    }

    /**
     * What an invocation threw: a closed arena or a wrong thread is the caller's mistake and goes through as it is; a C
     * function itself throws nothing.
     */
    public static RuntimeException thrownBy(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError("a downcall threw a checked exception", thrown);
        }
    }
}
