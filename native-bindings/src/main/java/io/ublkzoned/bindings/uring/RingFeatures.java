package io.ublkzoned.bindings.uring;

import io.ublkzoned.bindings.linux.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/** The features of this kernel's io_uring, probed once by making small rings. Immutable. */
public final class RingFeatures {
    private static final Path DISABLED_SYSCTL = Path.of("/proc/sys/kernel/io_uring_disabled");

    /** Holds the result, so that the probe runs at the first use and not when the outer class is loaded. */
    private static final class Probed {
        static final RingFeatures THIS_KERNEL = probe();
    }

    private final String unavailableReason;
    private final Set<RingFlag> flags;

    private RingFeatures(String unavailableReason, Set<RingFlag> flags) {
        this.unavailableReason = unavailableReason;
        this.flags = flags;
    }

    /** Returns the features of the running kernel. The first call makes rings. Any thread may call this. */
    public static RingFeatures ofThisKernel() {
        return Probed.THIS_KERNEL;
    }

    /** Returns whether a ring can be made. If not, {@link #unavailableReason} says why. */
    public boolean available() {
        return unavailableReason.isEmpty();
    }

    /** Returns a sentence with the fix, or an empty string if io_uring is available. */
    public String unavailableReason() {
        return unavailableReason;
    }

    public boolean supports(RingFlag flag) {
        return flags.contains(flag);
    }

    RingFeatures without(RingFlag flag) {
        EnumSet<RingFlag> fewer = EnumSet.copyOf(flags);
        fewer.remove(flag);
        return new RingFeatures(unavailableReason, fewer);
    }

    private static RingFeatures probe() {
        EnumSet<RingFlag> flags = EnumSet.noneOf(RingFlag.class);
        String problem = Liburing.problem();
        if (!problem.isEmpty()) {
            return new RingFeatures(problem, flags);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ring = Liburing.allocateRing(arena);
            int result = Liburing.queueInit(1, ring, 0, 0);
            if (result < 0) {
                return new RingFeatures(reason(-result), flags);
            }
            Liburing.queueExit(ring);
            for (RingFlag flag : RingFlag.values()) {
                if (Liburing.queueInit(1, ring, flag.bits(), 0) == 0) {
                    Liburing.queueExit(ring);
                    flags.add(flag);
                }
            }
            return new RingFeatures("", flags);
        }
    }

    private static String reason(int errno) {
        return switch (errno) {
            case Errno.ENOSYS -> "this kernel has no io_uring, or a seccomp filter hides it";
            case Errno.EPERM -> notPermitted();
            default -> "io_uring is not available: io_uring_setup: " + Errno.describe(errno);
        };
    }

    private static String notPermitted() {
        try {
            String disabled = Files.readString(DISABLED_SYSCTL).strip();
            if (!disabled.equals("0")) {
                return "io_uring is switched off (kernel.io_uring_disabled = " + disabled
                        + "): sysctl -w kernel.io_uring_disabled=0";
            }
        } catch (IOException e) {
            return "io_uring is forbidden here, and " + DISABLED_SYSCTL + " does not tell why: " + e.getMessage();
        }
        return "io_uring is forbidden here, most likely by the container's seccomp filter";
    }
}
