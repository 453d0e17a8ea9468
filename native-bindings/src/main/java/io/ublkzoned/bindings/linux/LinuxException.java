package io.ublkzoned.bindings.linux;

import java.io.IOException;

/**
 * A system call that failed, for set-up and other cold paths: {@code open(/dev/ublk-control): EACCES (13), Permission
 * denied}. The data path hands -errno around instead.
 */
public final class LinuxException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * @param call the function, with the argument that matters: {@code open(/dev/ublk-control)}
     * @param errno positive, as in {@link Errno}
     */
    public LinuxException(String call, int errno) {
        super(call + ": " + Errno.describe(errno));
        this.call = call;
        this.errno = errno;
    }

    /** Returns {@code result} if it is not negative; else throws it as -errno of {@code function(argument)}. */
    public static int check(int result, String function, Object argument) throws LinuxException {
        return (int) check((long) result, function, argument);
    }

    /** As {@link #check(int, String, Object)}, for results of 64 bits. */
    public static long check(long result, String function, Object argument) throws LinuxException {
        if (result < 0) {
            throw new LinuxException(function + "(" + argument + ")", (int) -result);
        }
        return result;
    }

    /** The function and its argument, as given. */
    public String call() {
        return call;
    }

    /** Positive, as in {@link Errno}. */
    public int errno() {
        return errno;
    }
}
