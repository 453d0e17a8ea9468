package io.ublkzoned.backend.live;

/**
 * A device of this host.
 *
 * @param name empty if it has none
 */
public record AttachedDevice(int id, String image, String name) {

    /** Returns the path of its block device. */
    public String path() {
        return "/dev/" + node();
    }

    /** Returns the name of its block device, as in /sys/block. */
    String node() {
        return "ublkb" + id;
    }
}
