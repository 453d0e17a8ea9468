package io.ublkzoned.engine;

import java.util.UUID;

/**
 * The identity of an image file within one boot of the host.
 *
 * @param bootId the boot, {@code /proc/sys/kernel/random/boot_id}
 * @param device the file system, {@code st_dev}
 * @param inode the file in it, {@code st_ino}
 */
public record ImageIdentity(UUID bootId, long device, long inode) {

    /** Returns whether both are the same file, not only files with the same content. */
    public boolean isSameFile(ImageIdentity other) {
        return device == other.device && inode == other.inode;
    }
}
