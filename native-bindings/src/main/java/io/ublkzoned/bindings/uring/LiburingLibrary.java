package io.ublkzoned.bindings.uring;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;

/** Looks for liburing before the generated classes do, which would fail with less to say. */
final class LiburingLibrary {
    private static final String SONAME = "liburing.so.2";
    private static final String NEWEST_SYMBOL = "io_uring_submit_and_get_events"; // since 2.3

    private LiburingLibrary() {}

    /** A sentence that says what to install, or an empty string. */
    static String problem() {
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup library = SymbolLookup.libraryLookup(SONAME, arena);
            return library.find(NEWEST_SYMBOL).isPresent() ? "" : SONAME + " is older than 2.3: upgrade liburing2";
        } catch (IllegalArgumentException e) {
            return SONAME + " is not installed: apt-get install liburing2";
        } catch (IllegalCallerException e) {
            return "native access is denied: run java with --enable-native-access="
                    + LiburingLibrary.class.getModule().getName();
        }
    }
}
