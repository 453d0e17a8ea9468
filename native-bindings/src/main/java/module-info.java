/**
 * The kernel and its libraries as Java sees them: system calls, io_uring and the ublk interface.
 *
 * <p>The generated packages keep C's names and stay inside; what is exported speaks the project's language.
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
