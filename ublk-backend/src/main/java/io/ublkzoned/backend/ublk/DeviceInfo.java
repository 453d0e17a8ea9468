package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.ublk.UblkDeviceInfo;
import io.ublkzoned.bindings.ublk.UblkFeatures;

/**
 * The information of the driver about a ublk device.
 *
 * @param serverPid the process that serves it, or -1
 * @param state STATE_... of {@link UblkDeviceInfo}
 * @param flags the feature bits of the device
 * @param maxIoBytes the size of the largest request
 */
public record DeviceInfo(int id, int serverPid, int state, long flags, int queues, int queueDepth, int maxIoBytes) {

    /** Returns whether a server serves the device. */
    public boolean isLive() {
        return state == UblkDeviceInfo.STATE_LIVE;
    }

    /** Returns whether the server of the device died and another one can take it over. */
    public boolean isWaiting() {
        return !isLive() && state != UblkDeviceInfo.STATE_DEAD;
    }

    /** Returns whether a ring can use the pages of a request as buffers. */
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
