package io.ublkzoned.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * A C function of at most seven integers and pointers that returns one of those, or nothing. A pointer is passed as its
 * address, see {@link #address}, and a signed int is sign-extended. Only the lower half of a returned int is valid.
 *
 * <p>All functions are called as if they had seven arguments. In the ABIs of 64-bit Linux the caller places and removes
 * the arguments, so extra ones do no harm. Java therefore links one shape of call instead of one per function. Each
 * shape would delay every start by milliseconds.
 *
 * <p>On the data path, from any thread. A call allocates nothing, even without the optimizing compiler: a {@link
 * MemorySegment} as an argument would then take 40 bytes. errno is not captured.
 */
public final class NativeFunction {

    static final FunctionDescriptor SHAPE = FunctionDescriptor.of(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    /** Holds the handle, so that it is linked at the first call. */
    private static final class Linked {
        static final MethodHandle CALL = link();
    }

    private final MemorySegment entry;

    private NativeFunction(MemorySegment entry) {
        this.entry = entry;
    }

    /**
     * Finds a function of a library.
     *
     * @param library a library that stays loaded
     * @throws java.util.NoSuchElementException if it has no such function
     */
    public static NativeFunction find(SymbolLookup library, String name) {
        return new NativeFunction(library.findOrThrow(name));
    }

    /** Finds a function of the C library. */
    static NativeFunction find(String name) {
        return find(Linker.nativeLinker().defaultLookup(), name);
    }

    /** Links a handle for all functions of {@link #SHAPE}. Its first argument is the address of the function. */
    static MethodHandle link(Linker.Option... options) {
        try {
            return Linker.nativeLinker().downcallHandle(SHAPE, options);
        } catch (IllegalCallerException e) {
            String module = NativeFunction.class.getModule().getName();
            throw new IllegalStateException(
                    "native access is denied: run java with --enable-native-access=" + module, e);
        }
    }

    MemorySegment entry() {
        return entry;
    }

    /** Calls the function. */
    public long invoke(long a, long b, long c, long d, long e, long f, long g) {
        try {
            return (long) Linked.CALL.invokeExact(entry, a, b, c, d, e, f, g);
        } catch (Throwable t) {
            throw thrownBy(t);
        }
    }

    /** Calls a function of five arguments. */
    public long invoke(long a, long b, long c, long d, long e) {
        return invoke(a, b, c, d, e, 0, 0);
    }

    /** Calls a function of up to three arguments. */
    public long invoke(long a, long b, long c) {
        return invoke(a, b, c, 0, 0, 0, 0);
    }

    /** Rethrows {@code thrown}. A C function throws nothing, so Java threw it before the call. */
    static RuntimeException thrownBy(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError("a downcall threw a checked exception", thrown);
        }
    }

    /**
     * Returns the address of native memory that the calling thread may use. The caller keeps the memory reachable until
     * the call has returned.
     *
     * @throws IllegalStateException if the memory was freed
     * @throws WrongThreadException if the memory belongs to another thread
     */
    public static long address(MemorySegment memory) {
        if (!memory.isNative()) {
            throw new IllegalArgumentException("not native memory: " + memory);
        }
        if (!memory.scope().isAlive()) {
            throw new IllegalStateException("already freed: " + memory);
        }
        if (!memory.isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException("another thread's: " + memory);
        }
        return memory.address();
    }
}
