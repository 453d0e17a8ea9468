package io.ublkzoned.backend.host;

import java.util.regex.Pattern;

/**
 * The kernels whose ublk driver crashes in ADD_DEV: the command never returns, and its process cannot be killed.
 *
 * <p>They have commit 529d4d632788 (NUMA-aware allocation of queues) without commit 011af85ccd87, which sets up the tag
 * set before the queues that read it. Linux 6.18.4 and 6.18.5 have it (github.com/zabbly/linux issue 52), and so do the
 * Ubuntu kernels for which users reported the crash (actions/runner-images issue 14175, longhorn/longhorn issue 13509).
 * Linux 6.18.6 has the fix.
 */
final class BrokenKernels {

    private static final Pattern RELEASES =
            Pattern.compile("(6\\.18\\.[45]|6\\.17\\.0-101[5-8]-azure|6\\.17\\.0-1017-aws)(\\D.*)?");

    private BrokenKernels() {}

    /**
     * Returns whether a release, as {@code uname -r} prints it, is one of them. The suffix of a distribution does not
     * matter.
     */
    static boolean contains(String release) {
        return RELEASES.matcher(release).matches();
    }

    /** Returns the sentence that tells the user what is wrong with such a release, and what to do. */
    static String sentence(String release) {
        return "Linux " + release + ": adding a ublk device crashes this kernel; boot Linux 6.18.6 or newer";
    }
}
