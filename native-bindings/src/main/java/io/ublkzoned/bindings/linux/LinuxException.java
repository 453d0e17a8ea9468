package io.ublkzoned.bindings.linux;

import java.io.IOException;

/**
 * A system call that failed, such as {@code open(/dev/ublk-control): EACCES (13), Permission denied}. Only set-up and
 * other cold paths throw it; the data path returns -errno instead.
 */
public final class LinuxException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * Makes an exception for a call.
     *
     * @param call the function and its main argument: {@code open(/dev/ublk-control)}
     * @param errno positive, as in {@link Errno}
     */
    public LinuxException(String call, int errno) {
        super(call + ": " + Errno.describe(errno));
        this.call = call;
        this.errno = errno;
    }

    /**
     * Returns {@code result} if it is not negative. Otherwise throws the exception for {@code function(argument)} with
     * this -errno.
     */
    public static int check(int result, String function, Object argument) throws LinuxException {
        return (int) check((long) result, function, argument);
    }

    /** Checks a result of 64 bits as {@link #check(int, String, Object)} does. */
    public static long check(long result, String function, Object argument) throws LinuxException {
        if (result < 0) {
            throw new LinuxException(function + "(" + argument + ")", (int) -result);
        }
        return result;
    }

    /** Returns the function and its argument, as given. */
    public String call() {
        return call;
    }

    /** Returns the error number, positive, as in {@link Errno}. */
    public int errno() {
        return errno;
    }
}
