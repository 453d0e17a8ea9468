package io.ublkzoned.engine.sim;

import java.util.ArrayList;
import java.util.List;

/** The events of a simulation: always as one number, and on demand as lines to read. */
final class Trace {

    private final boolean keepsLines;
    private final List<String> lines = new ArrayList<>();
    private long hash;

    Trace(boolean keepsLines) {
        this.keepsLines = keepsLines;
    }

    void add(Object event, long a, long b, long c) {
        hash = mix(hash ^ event.toString().hashCode());
        hash = mix(hash ^ a);
        hash = mix(hash ^ b);
        hash = mix(hash ^ c);
        if (keepsLines) {
            lines.add("%s %d %d %d".formatted(event, a, b, c));
        }
    }

    long hash() {
        return hash;
    }

    List<String> lines() {
        return lines;
    }

    /** Spreads the bits of a number over all of it (the finalizer of SplitMix64). */
    static long mix(long value) {
        long z = value + 0x9E37_79B9_7F4A_7C15L;
        z = (z ^ z >>> 30) * 0xBF58_476D_1CE4_E5B9L;
        z = (z ^ z >>> 27) * 0x94D0_49BB_1331_11EBL;
        return z ^ z >>> 31;
    }
}
