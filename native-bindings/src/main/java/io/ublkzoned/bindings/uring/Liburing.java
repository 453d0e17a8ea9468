package io.ublkzoned.bindings.uring;

import static io.ublkzoned.bindings.linux.NativeFunction.address;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.liburing.liburing_h;
import io.ublkzoned.bindings.generated.uring.uring_h;
import io.ublkzoned.bindings.linux.NativeFunction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;

/**
 * The functions of liburing, named as there without their prefix. A ring is a struct io_uring, given by its address on
 * the data path. Each method returns the result of the C function.
 */
final class Liburing {
    private static final String SONAME = "liburing.so.2"; // so that liburing-dev is not needed to run
    private static final String NEWEST_FUNCTION = "io_uring_submit_and_get_events"; // since 2.3

    /**
     * Holds the functions, so that they are looked up at the first call. {@link #problem} reports whether they exist.
     */
    private static final class Functions {
        static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup(SONAME, Arena.global());

        static final NativeFunction QUEUE_INIT_PARAMS = find("io_uring_queue_init_params");
        static final NativeFunction QUEUE_EXIT = find("io_uring_queue_exit");
        static final NativeFunction REGISTER_RING_FD = find("io_uring_register_ring_fd");
        static final NativeFunction REGISTER_FILES = find("io_uring_register_files");
        static final NativeFunction UNREGISTER_FILES = find("io_uring_unregister_files");
        static final NativeFunction REGISTER_BUFFERS = find("io_uring_register_buffers");
        static final NativeFunction REGISTER_BUFFERS_SPARSE = find("io_uring_register_buffers_sparse");
        static final NativeFunction SUBMIT = find("io_uring_submit");
        static final NativeFunction SUBMIT_AND_WAIT = find("io_uring_submit_and_wait");
        static final NativeFunction SUBMIT_AND_WAIT_TIMEOUT = find("io_uring_submit_and_wait_timeout");
        static final NativeFunction SUBMIT_AND_GET_EVENTS = find(NEWEST_FUNCTION);
        static final NativeFunction GET_EVENTS = find("io_uring_get_events");

        private static NativeFunction find(String name) {
            return NativeFunction.find(LIBRARY, name);
        }
    }

    private Liburing() {}

    /** Returns a sentence that says what to install, or an empty string if liburing can be used. */
    static String problem() {
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup library = SymbolLookup.libraryLookup(SONAME, arena);
            return library.find(NEWEST_FUNCTION).isPresent() ? "" : SONAME + " is older than 2.3: upgrade liburing2";
        } catch (IllegalArgumentException e) {
            return SONAME + " is not installed: apt-get install liburing2";
        } catch (IllegalCallerException e) {
            return "native access is denied: run java with --enable-native-access="
                    + Liburing.class.getModule().getName();
        }
    }

    /** Allocates memory for a struct io_uring. */
    static MemorySegment allocateRing(Arena arena) {
        return arena.allocate(liburing_h.RING_BYTES(), ADDRESS.byteAlignment());
    }

    /**
     * Returns {@code lengthBytes} of memory at the pointer at {@code offset} of a structure. The memory lives as long
     * as the arena.
     */
    static MemorySegment pointer(Arena arena, MemorySegment structure, long offset, long lengthBytes) {
        return MemorySegment.ofAddress(structure.get(JAVA_LONG, offset)).reinterpret(lengthBytes, arena, null);
    }

    /**
     * Calls io_uring_queue_init_params.
     *
     * @param flags IORING_SETUP_...
     * @param cqEntries counts only with IORING_SETUP_CQSIZE
     */
    static int queueInit(int entries, MemorySegment ring, int flags, int cqEntries) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment params = call.allocate(uring_h.PARAMS_BYTES(), Long.BYTES);
            params.set(JAVA_INT, uring_h.PARAMS_FLAGS(), flags);
            params.set(JAVA_INT, uring_h.PARAMS_CQ_ENTRIES(), cqEntries);
            return (int) Functions.QUEUE_INIT_PARAMS.invoke(entries, address(ring), address(params));
        }
    }

    static void queueExit(MemorySegment ring) {
        Functions.QUEUE_EXIT.invoke(address(ring), 0, 0);
    }

    static int registerRingFd(MemorySegment ring) {
        return (int) Functions.REGISTER_RING_FD.invoke(address(ring), 0, 0);
    }

    /** @param fds of {@code count} ints */
    static int registerFiles(MemorySegment ring, MemorySegment fds, int count) {
        return (int) Functions.REGISTER_FILES.invoke(address(ring), address(fds), count);
    }

    static int unregisterFiles(MemorySegment ring) {
        return (int) Functions.UNREGISTER_FILES.invoke(address(ring), 0, 0);
    }

    /** @param vectors of {@code count} struct iovec */
    static int registerBuffers(MemorySegment ring, MemorySegment vectors, int count) {
        return (int) Functions.REGISTER_BUFFERS.invoke(address(ring), address(vectors), count);
    }

    static int registerBuffersSparse(MemorySegment ring, int count) {
        return (int) Functions.REGISTER_BUFFERS_SPARSE.invoke(address(ring), count, 0);
    }

    static int submit(long ring) {
        return (int) Functions.SUBMIT.invoke(ring, 0, 0);
    }

    static int submitAndWait(long ring, int count) {
        return (int) Functions.SUBMIT_AND_WAIT.invoke(ring, count, 0);
    }

    /**
     * Calls io_uring_submit_and_wait_timeout.
     *
     * @param completion room for a pointer, which is set to the first completion
     * @param timeout a struct __kernel_timespec
     */
    static int submitAndWaitTimeout(long ring, MemorySegment completion, int count, MemorySegment timeout) {
        return (int) Functions.SUBMIT_AND_WAIT_TIMEOUT.invoke(ring, address(completion), count, address(timeout), 0);
    }

    static int submitAndGetEvents(long ring) {
        return (int) Functions.SUBMIT_AND_GET_EVENTS.invoke(ring, 0, 0);
    }

    static int getEvents(long ring) {
        return (int) Functions.GET_EVENTS.invoke(ring, 0, 0);
    }
}
