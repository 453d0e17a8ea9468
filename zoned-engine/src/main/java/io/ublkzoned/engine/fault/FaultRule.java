package io.ublkzoned.engine.fault;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Sizes;

/**
 * A fault that a device shows: the requests that it hits, and what then happens to them.
 *
 * @param text the rule as it was typed; see {@link FaultRuleParser}
 * @param seed decides everything that is drawn, so that the same requests are hit in the same way again
 */
public record FaultRule(
        String text, FaultMatch match, FaultFrequency frequency, long seed, FaultDelay delay, FaultOutcome outcome) {

    /**
     * Requires that a device can show this fault.
     *
     * @param blockBytes the logical block size of the device
     * @throws IllegalArgumentException with a sentence if it cannot
     */
    public void requireFits(DeviceGeometry geometry, int blockBytes) {
        require(
                match.matchesAllZones() || match.lastZone() < geometry.zoneCount(),
                "the last zone of the device is %d".formatted(geometry.zoneCount() - 1));
        require(
                !match.hasRange() || match.endBytes() <= geometry.sizeBytes(),
                "the range ends behind the device, whose size is " + Sizes.text(geometry.sizeBytes()));
        if (outcome instanceof FaultOutcome.Failure failure && failure.keptBytes() != FaultOutcome.ALL) {
            require(
                    failure.keptBytes() % blockBytes == 0,
                    "the device keeps whole blocks only: --keep must be a multiple of " + blockBytes);
        }
        if (needsSequentialZone() && !match.matchesAllZones()) {
            require(
                    match.lastZone() >= geometry.conventionalZones(),
                    "zones below %d are conventional, and have neither a write pointer nor a condition that can change"
                            .formatted(geometry.conventionalZones()));
        }
    }

    /** Returns whether a write log can show the effect of the rule. */
    public boolean fitsLog() {
        return !(outcome instanceof FaultOutcome.LoseUnflushed || outcome instanceof FaultOutcome.Wear);
    }

    /** Returns whether only requests to one sequential zone can be hit. */
    public boolean needsSequentialZone() {
        return switch (outcome) {
            case FaultOutcome.Wear wear -> true;
            case FaultOutcome.Failure failure -> failure.pointer() != FaultOutcome.Pointer.KEPT;
            case FaultOutcome.Normal normal -> false;
            case FaultOutcome.LoseUnflushed loss -> false;
            case FaultOutcome.CutPower cut -> false;
        };
    }

    private static void require(boolean condition, String sentence) {
        if (!condition) {
            throw new IllegalArgumentException(sentence);
        }
    }
}
