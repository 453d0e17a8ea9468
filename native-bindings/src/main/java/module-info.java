/**
 * The kernel and its libraries for Java: system calls, io_uring and the ublk interface.
 *
 * <p>The generated packages keep C's names and are not exported. The exported packages use the project's names.
 */
module io.ublkzoned.bindings {
    requires static org.jspecify;

    exports io.ublkzoned.bindings.linux to
            io.ublkzoned.backend;
    exports io.ublkzoned.bindings.ublk to
            io.ublkzoned.backend;
    exports io.ublkzoned.bindings.uring to
            io.ublkzoned.backend;
}
