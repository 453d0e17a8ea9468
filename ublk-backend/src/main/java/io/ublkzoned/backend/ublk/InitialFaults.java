package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.fault.FaultRule;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.util.List;

/**
 * The faults that a device shows from its first request on.
 *
 * @param powerCuts whether the device keeps what a power cut needs to undo resets, and writes to conventional zones
 * @param rules the other faults
 */
public record InitialFaults(boolean powerCuts, List<FaultRule> rules) {

    static final InitialFaults NONE = new InitialFaults(false, List.of());

    /** Returns whether a write log can show the effect of every rule. */
    public boolean fitLog() {
        return rules.stream().allMatch(FaultRule::fitsLog);
    }

    /** @throws IOException with a sentence if a device cannot show one of the faults */
    void requireFit(DeviceGeometry geometry, int blockSizeBytes) throws IOException {
        for (FaultRule rule : rules) {
            try {
                rule.requireFits(geometry, blockSizeBytes);
            } catch (IllegalArgumentException e) {
                throw new IOException("'%s': %s".formatted(rule.text(), e.getMessage()), e);
            }
        }
    }

    /** Makes a device show the faults. */
    void addTo(ZonedDevice device) {
        if (powerCuts) {
            device.faults().expectPowerCut();
        }
        rules.forEach(rule -> device.faults().add(rule, DeviceControl.TIMER));
    }
}
