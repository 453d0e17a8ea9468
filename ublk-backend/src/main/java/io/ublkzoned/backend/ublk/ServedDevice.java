package io.ublkzoned.backend.ublk;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.ZonedDevice;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** A device that a server serves, and its image. */
record ServedDevice(DeviceInfo info, DeviceShape shape, ZonedDevice device, AttachedImage image) {

    /** Returns the options with which the same device can be added again, without fault rules and without a log. */
    ServerOptions options() throws IOException {
        return new ServerOptions(
                image.realPath(),
                "", // it is in the run directory, which stays
                info.id(),
                info.queues(),
                info.queueDepth(),
                shape.blockBytes(),
                Recovery.of(info.flags()),
                image.windows() == null ? CacheMode.NONE : CacheMode.WRITEBACK,
                info.supportsZeroCopy(),
                new InitialFaults(device.faults().expectsPowerCut(), List.of()),
                Optional.empty());
    }
}
