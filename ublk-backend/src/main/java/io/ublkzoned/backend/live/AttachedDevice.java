package io.ublkzoned.backend.live;

import io.ublkzoned.bindings.ublk.UblkCommands;

/**
 * A device of this host.
 *
 * @param name empty if it has none
 */
public record AttachedDevice(int id, String image, String name) {

    /** Returns the path of its block device. */
    public String path() {
        return UblkCommands.BLOCK_DEVICE_PATH_PREFIX + id;
    }

    /** Returns the name of its block device, as in /sys/block. */
    String node() {
        return path().substring(path().lastIndexOf('/') + 1);
    }
}
