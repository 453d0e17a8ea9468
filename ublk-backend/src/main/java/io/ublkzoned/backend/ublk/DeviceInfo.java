package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.ublk.UblkDeviceInfo;
import io.ublkzoned.bindings.ublk.UblkFeatures;

/**
 * What the driver says of a ublk device.
 *
 * @param serverPid the process that serves it, or -1
 * @param state STATE_... of {@link UblkDeviceInfo}
 * @param flags feature bits that it was made with
 * @param maxIoBytes the largest request
 */
public record DeviceInfo(int id, int serverPid, int state, long flags, int queues, int queueDepth, int maxIoBytes) {

    /** Whether a server serves it. */
    public boolean isLive() {
        return state == UblkDeviceInfo.STATE_LIVE;
    }

    /** Whether its server died and another one can take it over. */
    public boolean isWaiting() {
        return !isLive() && state != UblkDeviceInfo.STATE_DEAD;
    }

    /** Whether the pages of its requests can be had as buffers of a ring. */
    boolean supportsZeroCopy() {
        return (flags & UblkFeatures.SUPPORT_ZERO_COPY) != 0;
    }

    static DeviceInfo of(UblkDeviceInfo info) {
        return new DeviceInfo(
                info.deviceId(),
                info.serverPid(),
                info.state(),
                info.features(),
                info.queues(),
                info.queueDepth(),
                info.bufferBytesMax());
    }
}
