package io.ublkzoned.bindings.linux;

/**
 * The machine and the operating system that this module is for: Linux on x86-64.
 *
 * <p>System call numbers and some flags of open(2) differ from machine to machine, and the generated packages hold those
 * of x86-64. {@link NativeFunction} needs nothing that AArch64 does not promise too, so a port needs another set of
 * generated packages and an entry here.
 */
public final class Platform {
    private static final String LINUX = "Linux";
    private static final String X86_64 = "amd64"; // as Java calls it

    private Platform() {}

    /** Returns a sentence if the module cannot work here, else an empty string. Calls no native code. */
    public static String problem() {
        return problem(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
    }

    private static String problem(String system, String machine) {
        return system.equals(LINUX) && machine.equals(X86_64)
                ? ""
                : "ublk-zoned needs Linux on x86-64: this is " + system + " on " + machine;
    }
}
